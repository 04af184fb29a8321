// Shows what is said while the page is open: it asks every two seconds, and not at all while the page is hidden.
const PERIOD_MS = 2000;
const TYPING_MS = 3000;
const desk = document.getElementById("desk");
const transcript = document.getElementById("transcript");
const state = document.getElementById("state");
const note = document.getElementById("live-state");
let after = desk.dataset.after;
let told = 0;

function show(message) {
  const shown = document.getElementById(`m-${message.id}`);
  if (shown) {
    shown.querySelector(".sc-text").textContent = message.text;
    return;
  }
  const section = document.createElement("section");
  section.className = "sc-turn";
  section.id = `m-${message.id}`;
  const article = document.createElement("article");
  article.className = `sc-said sc-${message.role}`;
  const header = document.createElement("header");
  const who = document.createElement("strong");
  who.textContent = message.who;
  const time = document.createElement("time");
  time.textContent = message.time;
  header.append(who, " ", time);
  if (message.outcome) {
    const outcome = document.createElement("span");
    outcome.className = "sc-outcome";
    outcome.textContent = message.outcome;
    header.append(" ", outcome);
  }
  const text = document.createElement("p");
  text.className = "sc-text";
  text.dir = "auto";
  text.textContent = message.text;
  article.append(header, text);
  section.append(article);
  transcript.append(section);
}

async function ask() {
  if (document.hidden) return;
  const response = await fetch(`${desk.dataset.live}?after=${after}`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(String(response.status));
  const said = await response.json();
  state.textContent = said.state;
  note.textContent = said.typing ? "The customer is writing." : "";
  for (const message of said.messages) {
    show(message);
    after = message.id;
  }
}

/** The customer sees that somebody writes, and no word of it. */
function tell() {
  const token = desk.querySelector("[name=csrfmiddlewaretoken]").value;
  if (Date.now() - told < TYPING_MS) return;
  told = Date.now();
  fetch(desk.dataset.typing, { method: "POST", headers: { "X-CSRFToken": token } }).catch(() => null); // told with the next letter
}

async function follow() {
  try {
    await ask();
  } catch {
    note.textContent = "The server does not answer just now. Trying again.";
  }
  setTimeout(follow, PERIOD_MS);
}

desk.querySelector("textarea")?.addEventListener("input", tell);
setTimeout(follow, PERIOD_MS);
