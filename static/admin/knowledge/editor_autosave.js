// The text is kept while it is written, never over what somebody else has saved; leaving with more unsaved asks first.

const EVERY_MS = 5000;
const MOST_MS = 15000;
const LEAVING_MS = 20000; // a page that is still here then was not left

export function autosave(editor, body) {
  const form = body.form;
  const title = document.getElementById("id_title");
  const note = document.getElementById("kb-saved");
  const field = (name) => form.elements.namedItem(name);
  const text = () => `${title.value}\n${body.value}`;
  const facts = () => {
    const all = new FormData(form);
    for (const name of ["title", "body", "seen", "csrfmiddlewaretoken"]) all.delete(name);
    return new URLSearchParams(all).toString();
  };
  // A page that shows errors, or somebody else's text beside this one, is for the writer to save.
  const refused = document.querySelector(".errornote") !== null;
  let kept = refused ? null : text();
  let keptFacts = facts();
  let fresh = !form.action.includes("/change/");
  let halted = refused || !editor.dataset.autosaveUrl;
  let timer = 0;
  let saving = null;
  let leaving = false;
  // What was sent and got no reply may have been kept: it is sent again as it was, before anything newer.
  let lost = null;

  const say = (words, late = false) => {
    if (note.textContent !== words) note.textContent = words;
    note.classList.toggle("kb-late", late);
  };
  const later = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      if (!leaving && !halted && !saving && (lost || text() !== kept)) saving = keep().finally(() => { saving = null; });
    }, EVERY_MS);
  };

  const snapshot = () => ({ text: text(), facts: facts(), words: new FormData(form) });

  async function keep() {
    if (fresh && !lost && !(title.value.trim() && body.value.trim() && field("category").value)) {
      say("Not saved yet: it needs a title, a category and text.");
      return;
    }
    const now = lost || snapshot();
    let reply;
    let said;
    try {
      const headers = { "X-CSRFToken": field("csrfmiddlewaretoken").value };
      const signal = AbortSignal.timeout(MOST_MS);
      reply = await fetch(editor.dataset.autosaveUrl, { method: "POST", body: now.words, headers, signal });
      if (reply.status >= 500) throw new Error(String(reply.status));
      said = reply.headers.get("Content-Type") === "application/json" ? await reply.json() : {};
    } catch {
      lost = now;
      say("Not saved: the server does not answer. It is tried again.", true);
      later();
      return;
    }
    lost = null;
    if (reply.ok && said.seen) {
      kept = now.text;
      field("seen").value = said.seen;
      say(`Saved ${said.saved}`);
      if (fresh) become(said, now.facts);
    } else if (reply.status === 400) {
      say(`Not saved: ${said.error}`, true);
    } else {
      halted = true;
      say(said.error || "Not saved: you are signed out or may not change this article. Copy your text.", true);
    }
    if (text() !== kept) later();
  }

  /** The page of a new article is from now on the page of that draft. */
  function become(said, facts) {
    fresh = false;
    field("key").value = "";
    keptFacts = facts;
    history.replaceState(null, "", said.address);
    form.action = said.address;
    editor.dataset.autosaveUrl = said.autosave;
    editor.dispatchEvent(new CustomEvent("kb-kept", { detail: said }));
  }

  form.addEventListener("input", () => {
    leaving = false;
    later();
  });
  form.addEventListener("change", later);
  form.addEventListener("submit", (event) => {
    if (saving) {
      // Two saves at once would look like two people's.
      event.preventDefault();
      const button = event.submitter;
      saving.finally(() => form.requestSubmit(button));
      return;
    }
    clearTimeout(timer);
    timer = 0;
    leaving = true;
    lost = snapshot();
    setTimeout(() => {
      leaving = false;
      later();
    }, LEAVING_MS);
  });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && (text() !== kept || facts() !== keptFacts)) event.preventDefault();
  });
}
