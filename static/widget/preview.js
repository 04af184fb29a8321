// What a citation stands for, beside the place that cites it: title, section, and the way to the article.

import { h, iconButton } from "./dom.js";

export class Preview {
  #t;
  #from = null;

  constructor(t) {
    this.#t = t;
    this.element = h("div", { class: "preview", popover: "auto", role: "dialog" });
    this.element.addEventListener("toggle", (event) => event.newState === "closed" && this.#closed());
  }

  get open() {
    return this.#from !== null;
  }

  /** Show `source` beside the chip `from`; `href` is its checked address or null. */
  show(from, source, href, leave) {
    if (this.#from === from) return this.close();
    const name = this.#t("source.name", { n: source.n, title: source.title });
    const link = href && h("a", { class: "button primary", href, target: "_blank", rel: "noopener", text: this.#t("source.open"), on: { click: (event) => leave(event, href) } });
    this.element.setAttribute("aria-label", name);
    this.element.replaceChildren(
      h("div", { class: "bar" }, h("bdi", { class: "name", text: source.title }), iconButton("close", this.#t("panel.close"), () => this.close())),
      h("p", { class: "section", dir: "auto", text: source.heading ?? "" }),
      link ?? "",
    );
    this.element.showPopover?.();
    this.#from = from;
    this.#place(from.getBoundingClientRect());
    return (this.element.querySelector("a") ?? this.element.querySelector("button")).focus();
  }

  close() {
    if (this.open) this.element.hidePopover?.();
  }

  #closed() {
    const from = this.#from;
    this.#from = null;
    const inside = this.element.contains(this.element.getRootNode().activeElement);
    if (inside || this.element.getRootNode().activeElement === null) from?.focus();
  }

  #place(chip) {
    const box = this.element.getBoundingClientRect();
    const panel = this.element.parentElement.getBoundingClientRect();
    const left = Math.min(Math.max(panel.left + 8, chip.left + chip.width / 2 - box.width / 2), panel.right - box.width - 8);
    const above = chip.top - box.height - 8;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${above > 8 ? above : Math.min(chip.bottom + 8, innerHeight - box.height - 8)}px`;
  }
}
