// Was this answer helpful? Saved at the first tap; the reasons and words come after and are optional.

import { button, h, iconButton } from "./dom.js";

// Managers read the reasons in one language, whatever language the customer chose them in.
const REASONS = { "rate.wrong": "Wrong", "rate.stale": "Out of date", "rate.offtopic": "Not what I asked", "rate.source": "Wrong source", "rate.unclear": "Hard to follow" };

export class Rating {
  #t;
  #rate;
  #human;
  #more = null;

  /** `rate(score, comment)` sends it; `human()` asks for a person instead. */
  constructor(t, rate, human) {
    this.#t = t;
    this.#rate = rate;
    this.#human = human;
    this.up = iconButton("up", t("rate.up"), () => this.#tap(1), { "aria-pressed": "false" });
    this.down = iconButton("down", t("rate.down"), () => this.#tap(-1), { "aria-pressed": "false" });
    this.thanks = h("span", { class: "thanks", role: "status" });
    this.group = h("div", { class: "rating", role: "group", "aria-label": t("rate.group") }, this.up, this.down, this.thanks);
    this.reasons = h("div", { class: "reasons" });
  }

  show(score) {
    this.up.setAttribute("aria-pressed", String(score === 1));
    this.down.setAttribute("aria-pressed", String(score === -1));
  }

  #tap(score) {
    this.show(score);
    this.#rate(score, "");
    this.thanks.textContent = score === 1 ? this.#t("rate.thanks") : "";
    if (score === -1) this.#ask();
    else this.#close();
  }

  #ask() {
    if (this.#more) return;
    const chips = Object.keys(REASONS).map((key) => h("button", { type: "button", class: "chip-button", "aria-pressed": "false", text: this.#t(key), "data-key": key, on: { click: (event) => press(event.currentTarget) } }));
    const words = h("textarea", { rows: 2, maxlength: 1000, dir: "auto", "aria-label": this.#t("rate.comment"), placeholder: this.#t("rate.comment") });
    const send = () => this.#send(chips, words);
    this.#more = h("fieldset", { class: "why" }, h("legend", { text: this.#t("rate.why") }), h("div", { class: "chips" }, ...chips), words, h("div", { class: "buttons" }, button(this.#t("rate.submit"), send), button(this.#t("human.ask"), () => this.#human())));
    this.reasons.replaceChildren(this.#more);
    this.#more.scrollIntoView({ block: "nearest" });
  }

  #send(chips, words) {
    const chosen = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => REASONS[chip.dataset.key]);
    this.#rate(-1, [...chosen, words.value.trim()].filter(Boolean).join(" · "));
    this.#close();
    this.thanks.textContent = this.#t("rate.thanks");
    this.down.focus();
  }

  #close() {
    this.#more?.remove();
    this.#more = null;
  }
}

function press(chip) {
  chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
}
