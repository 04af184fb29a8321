// Eight buttons that write Markdown round what is chosen, and the count of words.

const lines = (text, mark) => `\n\n${text.split("\n").map((line, number) => mark(number) + line).join("\n")}\n\n`;

const BUTTONS = [
  ["Bold", "B", (text) => `**${text || "bold"}**`],
  ["Italic", "I", (text) => `*${text || "italic"}*`],
  ["Heading", "H", (text) => `\n\n## ${text || "Heading"}\n\n`],
  ["List", "• List", (text) => lines(text || "first\nsecond", () => "- ")],
  ["1. List, numbered", "1. List", (text) => lines(text || "first\nsecond", (number) => `${number + 1}. `)],
  ["Link", "Link", (text) => `[${text || "words"}](/help/address/)`],
  ["Code", "Code", (text) => (text.includes("\n") ? `\n\`\`\`\n${text}\n\`\`\`\n` : `\`${text || "code"}\``)],
  ["Table", "Table", () => "\n\n| What | Price |\n|---|---|\n| First | £1 |\n| Second | £2 |\n\n"],
];

/** One stop for the Tab key; the arrow keys go from button to button. */
export function toolbar(body) {
  const bar = document.createElement("div");
  bar.className = "kb-toolbar";
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", "Formatting");
  bar.setAttribute("aria-controls", body.id);
  for (const [name, face, write] of BUTTONS) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = name;
    button.tabIndex = bar.childElementCount ? -1 : 0;
    button.setAttribute("aria-label", name);
    button.textContent = face;
    button.addEventListener("click", () => insert(body, write(body.value.slice(body.selectionStart, body.selectionEnd))));
    bar.append(button);
  }
  bar.addEventListener("keydown", (event) => {
    const all = [...bar.children];
    const place = all.indexOf(document.activeElement);
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    for (const button of all) button.tabIndex = -1;
    all[next % all.length].tabIndex = 0;
    all[next % all.length].focus();
  });
  return bar;
}

/** Put text in place of what is chosen, with no more blank lines round it than there should be. */
export function insert(body, words) {
  const { selectionStart: start, selectionEnd: end, value } = body;
  let text = words;
  const before = value.slice(0, start);
  if (!before.trim()) text = text.replace(/^\n+/, "");
  else if (before.endsWith("\n\n")) text = text.replace(/^\n\n/, "");
  else if (before.endsWith("\n")) text = text.replace(/^\n\n/, "\n");
  body.focus();
  // execCommand, though old, is the one way that keeps the browser's undo.
  if (!document.execCommand("insertText", false, text)) body.setRangeText(text, start, end, "end");
  body.dispatchEvent(new Event("input", { bubbles: true }));
}

export function counter(body) {
  const most = Number(body.dataset.most);
  const note = document.createElement("p");
  note.className = "kb-note kb-counter";
  const count = () => {
    const words = (body.value.match(/\S+/g) || []).length;
    const over = body.value.length > most;
    note.textContent = over
      ? `${body.value.length.toLocaleString("en")} characters; ${most.toLocaleString("en")} is the most.`
      : `${words.toLocaleString("en")} ${words === 1 ? "word" : "words"}`;
    note.classList.toggle("kb-late", over);
  };
  body.addEventListener("input", count);
  count();
  return note;
}
