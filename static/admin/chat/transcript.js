// Shows what is said while the page is open: it asks every two seconds, and not at all while the page is hidden.
const PERIOD_MS = 2000;
const desk = document.getElementById("desk");
const transcript = document.getElementById("transcript");
const state = document.getElementById("state");
const note = document.getElementById("live-state");
let after = desk.dataset.after;

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
  note.textContent = "";
  for (const message of said.messages) {
    show(message);
    after = message.id;
  }
}

async function follow() {
  try {
    await ask();
  } catch {
    note.textContent = "The server does not answer just now. Trying again.";
  }
  setTimeout(follow, PERIOD_MS);
}

setTimeout(follow, PERIOD_MS);
