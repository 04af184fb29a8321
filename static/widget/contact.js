// The form for when the team is away: an email address and an optional note, sent along with the conversation.

import { button, h } from "./dom.js";

export class Contact {
  #t;
  #session;
  #over;

  /** `onOver()` is called when the form is sent or put away. */
  constructor(t, session, onOver) {
    this.#t = t;
    this.#session = session;
    this.#over = onOver;
    this.status = h("p", { class: "status", role: "status" });
    this.email = h("input", { id: "email", type: "email", autocomplete: "email", required: true, maxlength: 254, dir: "ltr", "aria-describedby": "contact-error" });
    this.note = h("textarea", { id: "note", rows: 3, maxlength: 2000, dir: "auto" });
    this.error = h("p", { id: "contact-error", class: "error", role: "alert" });
    this.submit = h("button", { type: "submit", class: "button primary", text: t("human.submit") });
    this.element = h("form", { class: "contact", novalidate: true, on: { submit: (event) => this.#send(event) } },
      h("p", { text: t("human.closed") }), h("p", { class: "muted", text: t("human.lead") }),
      h("label", { for: "email", text: t("human.email") }), this.email, this.error,
      h("label", { for: "note", text: t("human.note") }), this.note,
      h("div", { class: "buttons" }, this.submit, button(t("human.cancel"), onOver)));
  }

  async #send(event) {
    event.preventDefault();
    const wrong = !this.email.value.trim() || !this.email.checkValidity();
    this.email.setAttribute("aria-invalid", String(wrong));
    this.error.textContent = wrong ? this.#t("human.invalid") : "";
    if (wrong) return this.email.focus();
    if (this.submit.getAttribute("aria-disabled") === "true") return undefined;
    this.submit.setAttribute("aria-disabled", "true");
    const sent = await this.#post();
    this.submit.setAttribute("aria-disabled", "false");
    if (!sent) return (this.error.textContent = this.#t("human.failed"));
    const done = h("p", { class: "status", tabindex: "-1", text: this.#t("human.sent", { email: this.email.value.trim() }) });
    this.element.replaceWith(done);
    done.focus();
    return this.#over();
  }

  async #post() {
    const { endpoint, key, token, transcript } = this.#session;
    const body = { widget: key, token, conversation: transcript.conversation, email: this.email.value.trim(), note: this.note.value.trim() };
    try {
      const answer = await fetch(new URL("/chat/contact", endpoint), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "omit" });
      return answer.ok;
    } catch (error) {
      if (error instanceof TypeError) return false; // fetch's way of saying that the line is down
      throw error;
    }
  }
}
