// A conversation to keep: as plain text, made here, without a question to the server.

import { h } from "./dom.js";
import { plain } from "./markdown.js";

export function recordOf(messages, t, language, address) {
  const when = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const authors = { customer: t("author.you"), bot: t("author.assistant") };
  const said = messages.filter((m) => m.text && m.role !== "notice").map((m) => {
    const author = authors[m.role] ?? (m.author || t("author.team"));
    const sources = m.sources.map(({ n, title, url }) => `[${n}] ${title} ${address(url) ?? ""}`.trim());
    const text = m.role === "customer" ? m.text : plain(m.text);
    return [`${author}, ${when.format(new Date(m.created))}`, text, ...sources].join("\n");
  });
  return said.join("\n\n") + "\n";
}

export function download(text, name) {
  const href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}
