// How the dialog stands on the page: beside the launcher, over the whole of a small screen, or inline.

const SMALL = matchMedia("(width < 640px) or (height < 480px)");

export class Surface {
  #host;
  #launcher;
  #dialog;
  #page = 0;
  #warned = false;

  constructor(host, launcher, dialog) {
    this.#host = host;
    this.#launcher = launcher;
    this.#dialog = dialog;
  }

  show() {
    if (this.#dialog.open) return;
    this.#stand();
    SMALL.addEventListener("change", this.#turn);
    document.addEventListener("keydown", this.#escape);
    visualViewport?.addEventListener("resize", this.#fit);
    visualViewport?.addEventListener("scroll", this.#fit);
  }

  hide() {
    if (this.#dialog.open) this.#dialog.close();
    SMALL.removeEventListener("change", this.#turn);
    document.removeEventListener("keydown", this.#escape);
    visualViewport?.removeEventListener("resize", this.#fit);
    visualViewport?.removeEventListener("scroll", this.#fit);
  }

  returnFocus() {
    const active = this.#host.shadowRoot.activeElement;
    if (!this.#host.hasAttribute("no-launcher") && (active === null || active === this.#dialog || this.#dialog.contains(active)) && (document.activeElement === document.body || document.activeElement === this.#host)) {
      this.#launcher.focus({ preventScroll: true });
    }
  }

  /** Colours and form may have changed with the page. */
  refresh() {
    this.#contrast();
    if (this.#dialog.open) this.#turn();
  }

  get #modal() {
    return SMALL.matches && this.#host.mode !== "inline";
  }

  #stand() {
    this.#dialog.classList.toggle("full", this.#modal);
    const before = this.#host.shadowRoot.activeElement;
    if (this.#modal) this.#dialog.showModal();
    else this.#dialog.show();
    if (this.#dialog.contains(before)) before.focus({ preventScroll: true });
    else if (!this.#modal) this.#host.shadowRoot.activeElement?.blur();
    this.#fit();
    this.#contrast();
  }

  /** Crossing the breakpoint while open: the same dialog, shown the other way. */
  #turn = () => {
    if (!this.#dialog.open || this.#dialog.classList.contains("full") === this.#modal) return;
    const log = this.#dialog.querySelector(".log");
    const top = log.scrollTop;
    const focused = this.#host.shadowRoot.activeElement;
    this.#dialog.close();
    this.#stand();
    focused?.focus({ preventScroll: true });
    log.scrollTop = top;
  };

  /** The keyboard of a phone shrinks the visible part only: follow it. */
  #fit = () => {
    cancelAnimationFrame(this.#page);
    this.#page = requestAnimationFrame(() => {
      const view = globalThis.visualViewport;
      const zoomed = !view || !this.#dialog.classList.contains("full");
      this.#dialog.style.setProperty("--_h", zoomed ? "100dvh" : `${view.height}px`);
      this.#dialog.style.setProperty("--_y", zoomed ? "0px" : `${view.offsetTop}px`);
    });
  };

  /** Escape pressed in the page closes the panel if it hides the control that has the focus. */
  #escape = (event) => {
    const target = document.activeElement;
    if (event.key !== "Escape" || event.defaultPrevented || !target || target === document.body || target === this.#host) return;
    const box = this.#dialog.getBoundingClientRect();
    const other = target.getBoundingClientRect();
    if (other.left >= box.left && other.right <= box.right && other.top >= box.top && other.bottom <= box.bottom) this.#host.close("escape");
  };

  /** A page's own accent colour gets black or white upon it, and links fall back to the text colour if it is too pale. */
  #contrast() {
    for (const name of ["--_on-accent", "--_link"]) this.#host.style.removeProperty(name);
    const look = getComputedStyle(this.#host);
    if (!["--support-chat-accent", "--_own"].some((name) => look.getPropertyValue(name).trim())) return;
    const accent = luminance(getComputedStyle(this.#launcher).backgroundColor);
    const surface = luminance(getComputedStyle(this.#dialog).backgroundColor);
    if (accent === null || surface === null) return;
    this.#host.style.setProperty("--_on-accent", ratio(accent, 0) > ratio(accent, 1) ? "#000" : "#fff");
    const seen = ratio(accent, surface);
    if (seen >= 4.5) return;
    this.#host.style.setProperty("--_link", "var(--_text)");
    if (!this.#warned) console.warn(`support-chat: the accent has a contrast of ${seen.toFixed(1)} to 1 here; links take the text's colour`);
    this.#warned = true;
  }
}

function luminance(color) {
  const parts = /^rgba?\(([\d.]+)[, ]+([\d.]+)[, ]+([\d.]+)/.exec(color);
  if (!parts) return null;
  const [r, g, b] = parts.slice(1).map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function ratio(a, b) {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
