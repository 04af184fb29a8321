// Forms in the log: labelled boxes, what is wrong said beside them, native checks of the browser.

import { button, h } from "./dom.js";

/** A label and its box. */
export function box(id, label, props = {}, tag = "input") {
  return [h("label", { for: id, text: label }), h(tag, { id, dir: "auto", maxlength: 254, ...props })];
}

export const EMAIL = { type: "email", autocomplete: "email", dir: "ltr" };

/** `send(form)` is called when all boxes hold what they should; the first that does not gets the focus and `wrong`. */
export function form(parts, { wrong, submit, cancel, send, shut }) {
  const error = h("p", { class: "error", role: "alert" });
  const check = (event) => {
    event.preventDefault();
    const boxes = [...made.querySelectorAll("input, textarea")];
    for (const one of boxes) one.setAttribute("aria-invalid", String(!one.checkValidity()));
    const bad = boxes.find((one) => !one.checkValidity());
    error.textContent = bad ? wrong(bad) : "";
    if (bad) bad.focus();
    else send(made, error);
  };
  const buttons = h("div", { class: "buttons" }, h("button", { type: "submit", class: "button primary", text: submit }), cancel && button(cancel, shut));
  const made = h("form", { class: "contact", novalidate: true, on: { submit: check } }, ...parts, error, buttons);
  error.id = `${made.querySelector("input").id}-wrong`;
  for (const one of made.querySelectorAll("input")) one.setAttribute("aria-describedby", error.id);
  return made;
}
