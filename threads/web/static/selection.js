// @ts-check
/** The threads that are selected, to change several at once. */

export class Selection {
  constructor() {
    this.isOn = false;
    /** @type {Set<string>} */
    this.ids = new Set();
    /** @type {string | null} the other end of a range */
    this._last = null;
  }

  /** Start to select, with these threads. @param {readonly string[]} ids */
  start(ids) {
    this.isOn = true;
    for (const id of ids) this.ids.add(id);
    this._last = ids.at(-1) ?? null;
  }

  stop() {
    this.isOn = false;
    this.ids.clear();
    this._last = null;
  }

  /**
   * Select a thread or not; with the order of threads, all from the last one to it.
   * @param {string} id
   * @param {readonly string[] | null} order
   */
  toggle(id, order) {
    const from = order?.indexOf(this._last ?? "") ?? -1;
    const to = order?.indexOf(id) ?? -1;
    if (order !== null && from >= 0 && to >= 0) {
      for (const each of order.slice(Math.min(from, to), Math.max(from, to) + 1)) this.ids.add(each);
    } else if (!this.ids.delete(id)) this.ids.add(id);
    this._last = id;
  }

  /** Forget threads that are out of sight. @param {ReadonlySet<string>} shown */
  keepOnly(shown) {
    for (const id of this.ids) if (!shown.has(id)) this.ids.delete(id);
  }
}
