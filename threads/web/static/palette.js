// @ts-check
/** The search palette. */

/** @param {HTMLElement} root */
export function mountPalette(root) {
  void root;
}
