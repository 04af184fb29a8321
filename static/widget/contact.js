// The form for when the team is away: an email address and an optional note, sent along with the conversation.

import { h } from "./dom.js";
import { EMAIL, box, form } from "./form.js";

/** `back` says when the team is there again, or is empty; `shut()` is called when the form is put away unsent. */
export function contactOf(t, session, back, shut) {
  const [label, email] = box("email", t("human.email"), { ...EMAIL, required: true });
  email.value = session.about.email ?? "";
  const [words, note] = box("note", t("human.note"), { rows: 3, maxlength: 2000 }, "textarea");
  const send = async (made, error) => {
    const submit = made.querySelector("[type=submit]");
    if (submit.getAttribute("aria-disabled") === "true") return;
    submit.setAttribute("aria-disabled", "true");
    const sent = await post(session, { email: email.value.trim(), note: note.value.trim() });
    submit.setAttribute("aria-disabled", "false");
    if (!sent) {
      error.textContent = t("human.failed");
      return;
    }
    const done = h("p", { class: "status", tabindex: "-1", text: t("human.sent", { email: email.value.trim() }) });
    made.replaceWith(done);
    done.focus();
  };
  const lead = back ? t("human.back", { when: back }) : t("human.closed");
  const parts = [h("p", { text: lead }), h("p", { class: "muted", text: t("human.lead") }), label, email, words, note];
  return form(parts, { wrong: () => t("human.invalid"), submit: t("human.submit"), cancel: t("human.cancel"), send, shut });
}

async function post({ endpoint, key, token, transcript }, said) {
  const body = { widget: key, token, conversation: transcript.conversation, ...said };
  try {
    const answer = await fetch(new URL("/chat/contact", endpoint), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "omit" });
    return answer.ok;
  } catch (error) {
    if (error instanceof TypeError) return false; // fetch's way of saying that the line is down
    throw error;
  }
}
