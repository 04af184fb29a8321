// Where the log stands. Text in place never moves: a new question goes to the top edge and its answer fills reserved
// room. Following the end is an intent of the reader, not a position.

const NEAR_PX = 48;
const GAP_PX = 12;
const INTENT_MS = 1000;
const GLIDE_MS = 500;

export class Scrolling {
  #log;
  #content;
  #more;
  #follow = false;
  #touched = 0;
  #quiet = 0; // until then the log moves by itself
  #watch = new ResizeObserver(() => this.#settle());

  /** `onMore(true)` is called while text lies under the fold. */
  constructor(log, content, onMore) {
    this.#log = log;
    this.#content = content;
    this.#more = onMore;
    log.addEventListener("wheel", (event) => this.#intent(event.deltaY < 0), { passive: true });
    log.addEventListener("touchmove", () => this.#intent(true), { passive: true });
    log.addEventListener("pointerdown", (event) => event.target === log && this.#intent(true));
    log.addEventListener("keydown", (event) => this.#intent(["PageUp", "ArrowUp", "Home"].includes(event.key)));
    log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#watch.observe(log);
    this.#watch.observe(content);
  }

  /** Bring a turn to the top edge and reserve the room of its answer. */
  toTurn(turn) {
    this.#follow = false;
    for (const other of this.#content.children) other.classList.toggle("current", other === turn);
    this.#size();
    this.#quiet = Date.now() + GLIDE_MS;
    this.#log.scrollTo({ top: turn.offsetTop - GAP_PX, behavior: calm() ? "instant" : "smooth" });
  }

  toEnd() {
    this.#follow = true;
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior: calm() ? "instant" : "smooth" });
  }

  /** Forget the reserved room and stand at the end, as after a reload. */
  atEnd() {
    for (const other of this.#content.children) other.classList.remove("current");
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#settle();
  }

  page(direction) {
    this.#intent(direction < 0);
    this.#log.scrollBy({ top: direction * (this.#log.clientHeight - 48), behavior: calm() ? "instant" : "smooth" });
  }

  get nearEnd() {
    return this.#under() <= NEAR_PX;
  }

  /** Pixels of text below the visible part; reserved room is not text. */
  #under() {
    const last = this.#content.lastElementChild?.lastElementChild;
    if (!last) return 0;
    return last.getBoundingClientRect().bottom - this.#log.getBoundingClientRect().bottom;
  }

  #intent(away) {
    this.#touched = Date.now();
    if (away) this.#follow = false;
  }

  #scrolled() {
    if (Date.now() - this.#touched < INTENT_MS && this.nearEnd) this.#follow = true;
    this.#more(Date.now() > this.#quiet && this.#under() > NEAR_PX / 2);
  }

  #size() {
    this.#log.style.setProperty("--_room", `${this.#log.clientHeight - 2 * GAP_PX}px`);
  }

  #settle() {
    this.#size();
    if (this.#log.scrollHeight > this.#log.clientHeight + 1) this.#log.tabIndex = 0;
    else this.#log.removeAttribute("tabindex");
    if (this.#follow && this.#under() > 0) this.#log.scrollTop += this.#under() + GAP_PX;
    this.#more(Date.now() > this.#quiet && this.#under() > NEAR_PX / 2);
  }
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
