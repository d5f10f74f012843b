"""What a page may not hold, whatever texts it shows: looks through its elements, and notes scripts that ran."""

from __future__ import annotations

from typing import Any

INSPECT = """
() => {
  const FORBIDDEN = new Set("script iframe frame object embed base meta link style math video audio source track template "
    .concat("applet portal foreignObject image use set animate animateMotion animateTransform feImage marquee isindex area map")
    .toLowerCase().split(" "));
  const ADDRESSES = new Set(["href", "src", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href", "ping",
    "cite", "longdesc", "srcdoc", "manifest", "profile", "codebase"]);
  const found = [];
  const isSafe = (element, name, value) => {
    if (["srcset", "ping", "srcdoc"].includes(name)) return false;
    let url;
    try { url = new URL(value, location.href); } catch { return element.localName === "a" && /^https?:\\/\\//.test(value); }
    if (url.origin === location.origin && ["http:", "https:"].includes(url.protocol)) return true;
    if (element.localName === "a") return ["http:", "https:", "mailto:"].includes(url.protocol);
    return element.localName === "img" && /^data:image\\/(png|jpeg|gif|webp|avif);base64,/.test(value);
  };
  for (const element of document.querySelectorAll("*")) {
    const isOwn = element.closest("head") !== null;
    if (!isOwn && FORBIDDEN.has(element.localName.toLowerCase())) found.push(`element ${element.localName}`);
    if (element.shadowRoot) found.push(`shadow root of ${element.localName}`);
    if (element.localName.includes("-")) found.push(`custom element ${element.localName}`);
    for (const { name, value } of element.attributes) {
      const low = name.toLowerCase();
      if (low.startsWith("on")) found.push(`handler ${element.localName} ${name}`);
      else if (low === "style" && /url\\(|expression|@import|animation|position/i.test(value)) found.push(`style ${value}`);
      else if (ADDRESSES.has(low) && !isSafe(element, low, value)) found.push(`address ${element.localName} ${name}=${value.slice(0, 80)}`);
      else if (["is", "popover", "contenteditable", "autofocus"].includes(low) && element.closest("[role=log], nav li, nav a, [role=option]"))
        found.push(`attribute ${element.localName} ${name}`);
      else if (low === "name" && element.closest("[role=log]") && !element.closest("form")) found.push(`name ${value}`);
    }
  }
  for (const name of ["body", "head", "forms", "createElement", "getElementById", "cookie", "location"])
    if (Object.hasOwn(document, name) && document[name] instanceof Element && !["body", "head"].includes(name)) found.push(`clobbered ${name}`);
  return [...new Set(found)];
}
"""


class ScriptWatch:
    """Notes calls of `pwned(NUMBER)` and dialogs in all pages and frames of a browser context."""

    def __init__(self, context: Any) -> None:
        self.ran: set[int] = set()
        context.expose_binding("pwned", lambda _, number=-1: self.ran.add(number))
        context.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Any) -> None:
        self.ran.add(-1)
        dialog.dismiss()


def violations(page: Any) -> list[str]:
    """Return what the page holds that it may not."""
    found: list[str] = page.evaluate(INSPECT)
    return found
