// @ts-check
/** Keeps a growing list at its end while the reader is there, and where it is otherwise. */

/** Pixels from the end at which the reader counts as being there. */
const NEAR = 48;

export class ScrollFollower {
  /**
   * @param {HTMLElement} frame The element that scrolls.
   * @param {HTMLElement} content What grows in it.
   * @param {(isAtEnd: boolean) => void} onChange
   */
  constructor(frame, content, onChange) {
    this.frame = frame;
    this.onChange = onChange;
    this.isAtEnd = true;
    /** Where the frame was put last; a scroll to elsewhere is the reader's. */
    this.placedAt = -1;
    frame.addEventListener("scroll", () => this.handleScroll(), { passive: true });
    const observer = new ResizeObserver(() => this.settle());
    observer.observe(content);
    observer.observe(frame);
  }

  handleScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.frame;
    if (Math.abs(scrollTop - this.placedAt) < 2) return;
    this.set(scrollHeight - scrollTop - clientHeight < NEAR);
  }

  /** @param {boolean} isAtEnd */
  set(isAtEnd) {
    if (this.isAtEnd === isAtEnd) return;
    this.isAtEnd = isAtEnd;
    this.onChange(isAtEnd);
  }

  /** Go to the end again if the reader is there; call it after each change. */
  settle() {
    if (!this.isAtEnd) return;
    this.placedAt = this.frame.scrollHeight - this.frame.clientHeight;
    this.frame.scrollTop = this.placedAt;
    this.placedAt = this.frame.scrollTop;
  }

  goToEnd() {
    this.set(true);
    this.settle();
  }

  /** Stay at this place, though what is shown grows. */
  leaveEnd() {
    this.set(false);
  }

  /** Add something above, without moving what is shown. @param {() => void} add */
  prepend(add) {
    const before = this.frame.scrollHeight - this.frame.scrollTop;
    add();
    this.frame.scrollTop = this.frame.scrollHeight - before;
  }

  /** Show an element, in the upper third. @param {HTMLElement} element */
  show(element) {
    this.leaveEnd();
    const offset = element.getBoundingClientRect().top - this.frame.getBoundingClientRect().top;
    this.frame.scrollTop += offset - this.frame.clientHeight / 4;
  }
}
