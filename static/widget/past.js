// The conversations of before: a list to choose from.

import { button, h } from "./dom.js";

/** `open(id)` goes on with one; `shut()` puts the list away. */
export function pastOf(conversations, t, language, { open, shut }) {
  const when = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
  const rows = conversations.map(({ id, title, updated }) => {
    const words = [h("bdi", { text: title || t("panel.title") }), h("time", { class: "section", datetime: updated, text: when.format(new Date(updated)) })];
    return h("button", { type: "button", class: "button suggestion words", on: { click: () => open(id) } }, ...words);
  });
  return h("section", { class: "past suggestions", "aria-label": t("menu.past") },
    h("h3", { text: t("menu.past") }), rows.length ? null : h("p", { text: t("past.none") }), ...rows, button(t("human.cancel"), shut));
}
