// The questions that an article must go on answering: kept from an answer, listed, given up.

import { h } from "../../widget/dom.js";

export function keepQuestions(pane, token) {
  const list = document.getElementById("kb-kept-list");
  const line = document.getElementById("kb-kept-line");
  const keep = document.getElementById("kb-keep-button");
  const note = document.getElementById("kb-keep-note");
  let asked = "";

  async function call(path, words) {
    const headers = { "X-CSRFToken": token };
    const reply = await fetch(pane.dataset.questionsUrl + path, words ? { method: "POST", body: words, headers } : {});
    const said = await reply.json();
    if (said.error) throw new Error(said.error);
    show(said);
  }

  function show(said) {
    if (!list) return; // a new article: the list is there when the page is next opened
    line.textContent = said.questions.length ? said.line : "None yet. Ask a question and save it: it is asked again each time you publish.";
    list.replaceChildren(...said.questions.map(row));
  }

  function row({ id, question, state }) {
    const drop = h("button", { type: "button", class: "kb-drop", "aria-label": `Delete the question: ${question}` }, "Delete");
    drop.addEventListener("click", async () => {
      try {
        await call(`${id}/delete/`, new FormData());
        line.closest("section").querySelector("h3").focus();
      } catch {
        line.textContent = "The question could not be deleted. Try again.";
      }
    });
    return h("li", {}, h("span", { dir: "auto" }, question), " ", h("span", { class: "kb-note" }, state), " ", drop);
  }

  keep.addEventListener("click", async () => {
    const words = new FormData();
    words.set("question", asked);
    try {
      await call("add/", words);
      note.textContent = "Saved. It is asked again each time you publish.";
    } catch (error) {
      note.textContent = error instanceof SyntaxError || error instanceof TypeError ? "Not saved: the server does not answer." : error.message;
    }
  });
  if (pane.dataset.questionsUrl && list) call("").catch(() => { line.textContent = "The questions cannot be read now."; });

  /** A question that was answered may be kept, once its article is saved. */
  function offer(question) {
    asked = question;
    note.textContent = "";
    keep.hidden = !pane.dataset.questionsUrl;
  }

  return { offer };
}
