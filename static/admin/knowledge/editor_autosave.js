// The text is kept while it is written, never over what somebody else has saved; leaving with more unsaved asks first.

const EVERY_MS = 5000;
const MOST_MS = 15000;

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
  let halted = refused;
  let timer = 0;
  let saving = null;
  let leaving = false;

  const say = (words, late = false) => {
    if (note.textContent !== words) note.textContent = words;
    note.classList.toggle("kb-late", late);
  };
  const later = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      if (!halted && !saving && text() !== kept) saving = keep().finally(() => { saving = null; });
    }, EVERY_MS);
  };

  async function keep() {
    if (fresh && !(title.value.trim() && body.value.trim() && field("category").value)) {
      say("Not saved yet: it needs a title, a category and text.");
      return;
    }
    const now = { text: text(), facts: facts() };
    const words = new FormData(form);
    let reply;
    let said;
    try {
      const headers = { "X-CSRFToken": field("csrfmiddlewaretoken").value };
      const signal = AbortSignal.timeout(MOST_MS);
      reply = await fetch(editor.dataset.autosaveUrl, { method: "POST", body: words, headers, signal });
      if (reply.status >= 500) throw new Error(String(reply.status));
      said = reply.headers.get("Content-Type") === "application/json" ? await reply.json() : {};
    } catch {
      say("Not saved: the server does not answer. It is tried again.", true);
      later();
      return;
    }
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
    keptFacts = facts;
    history.replaceState(null, "", said.address);
    form.action = said.address;
    editor.dataset.autosaveUrl = said.autosave;
    editor.dispatchEvent(new CustomEvent("kb-kept", { detail: said }));
  }

  form.addEventListener("input", later);
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
    leaving = true;
  });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && (text() !== kept || facts() !== keptFacts)) event.preventDefault();
  });
}
