// What the company wants to know before the first question: a name, an email address.

import { h } from "./dom.js";
import { EMAIL, box, form } from "./form.js";

const LABELS = { name: "first.name", email: "human.email" };

/** `told(about)` gets what was written, or nothing where it may be left out. */
export function firstOf(t, { ask_first: names, ask_first_required: required }, told) {
  const parts = names.filter((name) => name in LABELS).flatMap((name) => box(`first-${name}`, t(LABELS[name]), { ...(name === "email" ? EMAIL : { autocomplete: name }), name, required }));
  return form([h("p", { text: t("first.lead") }), ...parts], {
    wrong: (one) => t(one.type === "email" ? "human.invalid" : "first.missing"),
    submit: t("first.submit"),
    cancel: required ? null : t("first.skip"),
    send: (made) => told(Object.fromEntries([...made.querySelectorAll("input")].map((one) => [one.name, one.value.trim()]))),
    shut: () => told({}),
  });
}
