// What customers will see of the text, and the passages that it is cut into: asked of the server as it is typed.

const WAIT_MS = 350;

export function preview(editor, body) {
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
  switches(document.getElementById("kb-paper"));
  follow(body, document.getElementById("kb-paper"));
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
  words.dir = "auto";
  words.textContent = text;
  item.append(words);
  return item;
}

function switches(paper) {
  for (const [id, name] of [["kb-dark", "dark"], ["kb-phone", "phone"]]) {
    const button = document.getElementById(id);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      paper.classList.toggle(`kb-${name}`, on);
    });
  }
}

/** The preview shows the part that is being written. */
function follow(body, paper) {
  body.addEventListener("scroll", () => {
    const room = body.scrollHeight - body.clientHeight;
    if (room > 0) paper.scrollTop = (body.scrollTop / room) * (paper.scrollHeight - paper.clientHeight);
  });
}
