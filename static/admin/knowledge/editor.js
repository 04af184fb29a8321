// The markdown editor: a plain textarea with a few buttons, and beside it what customers will see.
"use strict";

(() => {
  const BUTTONS = [
    ["Bold", "B", (text) => `**${text || "bold"}**`],
    ["Italic", "I", (text) => `*${text || "italic"}*`],
    ["Heading", "H", (text) => `\n\n## ${text || "Heading"}\n\n`],
    ["Link", "Link", (text) => `[${text || "words"}](/help/address/)`],
    ["List", "• List", (text) => lines(text || "first\nsecond", () => "- ")],
    ["Numbered list", "1. List", (text) => lines(text || "first\nsecond", (number) => `${number + 1}. `)],
    ["Table", "Table", () => "\n\n| What | Price |\n|---|---|\n| First | £1 |\n| Second | £2 |\n\n"],
    ["Code", "Code", (text) => (text.includes("\n") ? `\n\`\`\`\n${text}\n\`\`\`\n` : `\`${text || "code"}\``)],
  ];
  const WAIT_MS = 350;

  const lines = (text, mark) => `\n\n${text.split("\n").map((line, number) => mark(number) + line).join("\n")}\n\n`;

  document.addEventListener("DOMContentLoaded", () => {
    const editor = document.querySelector(".kb-editor");
    const body = document.getElementById("id_body");
    if (!editor || !body) return;
    body.before(toolbar(body));
    body.after(counter(body));
    tabs(editor);
    preview(editor, body);
    warnOfLoss(body.form);
  });

  function toolbar(body) {
    const bar = document.createElement("div");
    bar.className = "kb-toolbar";
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Formatting");
    for (const [name, face, write] of BUTTONS) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = name;
      button.setAttribute("aria-label", name);
      button.textContent = face;
      button.addEventListener("click", () => insert(body, write));
      bar.append(button);
    }
    return bar;
  }

  function insert(body, write) {
    const { selectionStart: start, selectionEnd: end, value } = body;
    let text = write(value.slice(start, end));
    const before = value.slice(0, start);
    if (!before.trim()) text = text.replace(/^\n+/, "");
    else if (before.endsWith("\n\n")) text = text.replace(/^\n\n/, "");
    else if (before.endsWith("\n")) text = text.replace(/^\n\n/, "\n");
    body.focus();
    // execCommand, though old, is the one way that keeps the browser's undo.
    if (!document.execCommand("insertText", false, text)) body.setRangeText(text, start, end, "end");
    body.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function counter(body) {
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

  function tabs(editor) {
    const all = [...editor.querySelectorAll('[role="tab"]')];
    const choose = (chosen) => {
      for (const tab of all) {
        tab.setAttribute("aria-selected", String(tab === chosen));
        tab.tabIndex = tab === chosen ? 0 : -1;
        document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
      }
    };
    all.forEach((tab, place) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const next = all[(place + 1) % all.length];
        choose(next);
        next.focus();
      });
    });
  }

  function preview(editor, body) {
    const title = document.getElementById("id_title");
    const shown = document.getElementById("kb-preview");
    const passages = document.getElementById("kb-passages");
    const note = document.getElementById("kb-preview-note");
    const token = body.form.querySelector('[name="csrfmiddlewaretoken"]').value;
    let timer = 0;
    let asked = null;

    async function render() {
      asked?.abort();
      asked = new AbortController();
      const words = new FormData();
      words.set("title", title.value);
      words.set("body", body.value);
      try {
        const reply = await fetch(editor.dataset.previewUrl, {
          method: "POST", body: words, headers: { "X-CSRFToken": token }, signal: asked.signal,
        });
        const found = await reply.json();
        if (found.error) {
          note.textContent = found.error;
          return;
        }
        shown.innerHTML = found.html; // cleaned by the server against its own list of tags
        if (!found.html.trim()) shown.textContent = "Nothing is written yet.";
        passages.replaceChildren(...found.passages.map(passage));
        note.textContent = found.passages.length === 1 ? "1 passage" : `${found.passages.length} passages`;
      } catch (error) {
        if (error.name !== "AbortError") note.textContent = "The preview cannot be reached; your text is still here.";
      }
    }

    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(render, WAIT_MS);
    };
    body.addEventListener("input", later);
    title.addEventListener("input", later);
    render();
  }

  function passage({ heading, text }) {
    const item = document.createElement("li");
    if (heading) {
      const above = document.createElement("strong");
      above.textContent = heading;
      item.append(above);
    }
    const words = document.createElement("p");
    words.textContent = text;
    item.append(words);
    return item;
  }

  function warnOfLoss(form) {
    const written = () => new URLSearchParams(new FormData(form)).toString();
    const before = written();
    let leaving = document.querySelector(".errornote") === null ? before : "";
    form.addEventListener("submit", () => { leaving = null; });
    window.addEventListener("beforeunload", (event) => {
      if (leaving !== null && written() !== leaving) event.preventDefault();
    });
  }
})();
