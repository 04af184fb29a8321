// The question box: a native textarea in a form. While an answer runs, send becomes stop in the same place.

import { h, icon } from "./dom.js";

export const LONGEST = 2000;
const COUNT_FROM = 0.8 * LONGEST;

/** Characters as the server counts them: an emoji is one. */
export function lengthOf(text) {
  return text.length > 65_536 ? text.length : [...text].length;
}

export class Composer {
  #t;
  #do;
  #busy = false;

  /** `actions`: ask(text) -> bool, stop(), save(draft), typing(), page(direction) */
  constructor(t, actions) {
    this.#t = t;
    this.#do = actions;
    this.input = h("textarea", {
      id: "question", part: "input", rows: 1, dir: "auto", enterkeyhint: "send", autocomplete: "off",
      placeholder: t("composer.placeholder"), "aria-describedby": "hint",
      on: { input: () => this.#written(), keydown: (event) => this.#key(event) },
    });
    this.send = h("button", { type: "submit", class: "send", part: "send" }, icon("send"), icon("stop"));
    this.hint = h("p", { id: "hint", class: "hint", role: "status" });
    const row = h("div", { class: "row" }, h("label", { for: "question", class: "spoken", text: t("composer.label") }), this.input, this.send);
    this.element = h("form", { class: "composer", part: "composer", novalidate: true, on: { submit: (event) => this.#submit(event) } }, this.hint, row);
    this.busy = false;
  }

  get busy() {
    return this.#busy;
  }

  set busy(value) {
    this.#busy = value;
    this.send.classList.toggle("busy", value);
    const name = this.#t(value ? "composer.stop" : "composer.send");
    this.send.setAttribute("aria-label", name);
    this.send.title = name;
    if (!value && this.hint.dataset.kind === "wait") this.#tell("");
    this.#count();
  }

  fill(text) {
    this.input.value = text;
    this.#typed();
  }

  clear() {
    this.fill("");
  }

  #submit(event) {
    event.preventDefault();
    if (this.#busy) this.#do.stop();
    else this.#ask();
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
      event.preventDefault();
      if (this.#busy) this.#tell(this.#t("composer.wait"), "wait");
      else this.#ask();
    } else if ((event.key === "PageUp" || event.key === "PageDown") && !this.input.value) {
      event.preventDefault();
      this.#do.page(event.key === "PageUp" ? -1 : 1);
    }
  }

  #ask() {
    const text = this.input.value.trim();
    if (!text) return this.input.focus();
    if (lengthOf(text) > LONGEST) return this.#tell(this.#t("limit.too_long", { n: LONGEST }), "over");
    if (this.#do.ask(text)) this.clear();
  }

  #written() {
    this.#do.typing();
    this.#typed();
  }

  #typed() {
    this.#do.save(this.input.value);
    this.#grow();
    this.#count();
  }

  /** Browsers without field-sizing need the height written; six rows, then it scrolls. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.input.style.blockSize = "auto";
    this.input.style.blockSize = `${Math.min(this.input.scrollHeight, 168)}px`;
  }

  #count() {
    const text = this.input.value.trim();
    const left = LONGEST - lengthOf(text);
    this.send.setAttribute("aria-disabled", String(!this.#busy && (!text || left < 0)));
    if (left < 0) this.#tell(this.#t("composer.over", { n: -left }), "over");
    else if (LONGEST - left >= COUNT_FROM) this.#tell(this.#t("composer.counter", { n: left }), "count");
    else if (this.hint.dataset.kind !== "wait") this.#tell("");
  }

  #tell(text, kind = "") {
    this.hint.textContent = text;
    this.hint.dataset.kind = kind;
  }
}
