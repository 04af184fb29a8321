// Every state of the widget, each reached by a script and then held still: `?state=NAME`. The document's `data-state`
// tells when it is there. `theme`, `placement`, `mode`, `lang`, `dir` and `scheme` may be given beside it.

import { playServer } from "./scripted.js";

const AT = "2026-05-03T10:00:00Z";
const SOURCES = [
  { n: 1, title: "Returns and refunds", url: "/help/returns-policy/#time", heading: "How long you have" },
  { n: 2, title: "Send an item back", url: "/help/returns-policy/#label", heading: "Print a label" },
];
const TEXT =
  "You can send an item back within **30 days** of delivery [1].\n\n" +
  "1. Print the label from your order page [2].\n2. Pack the item in any box.\n3. Hand it in at a parcel shop.\n\n" +
  "The refund reaches your account *5 working days* after we have the parcel [1].";
const HALF = TEXT.slice(0, 96);
const SUGGESTIONS = ["How do I return an item?", "Where is my order?", "Do you repair tents?"];

const asked = (text = "How do I return an item?") => ({ id: "q1", role: "customer", text, created: AT, status: "done" });
const reply = (more = {}) => ({ id: "r1-0000-7f3ka2c4", role: "bot", text: TEXT, created: AT, status: "done", outcome: "answered", epoch: 1, seq: 0, sources: SOURCES, ...more });
const talk = (...messages) => ({ conversation: "c1", messages });
const open = { status: "queued", outcome: null, text: "", sources: [] };
const numbered = (type, seq, more) => ({ type, reply: reply().id, epoch: 1, seq, ...more });
const stage = (name, more = {}) => ({ type: "stage", reply: reply().id, stage: name, ...more });
const found = numbered("sources", 1, { sources: SOURCES });
const rated = ({ type, reply, score }) => (type === "rate" ? [{ type: "rated", reply, score }] : []);
const EARLIER = {
  type: "conversations",
  conversations: ["How do I return an item?", "Do you deliver to Ireland, and what does it cost?", ""].map((title, at) => ({ id: `c${at + 1}`, title, created: AT, updated: AT, state: "bot" })),
};
const ada = { id: "a1", role: "agent", name: "Ada", text: "Hello, this is Ada. I have your order here.", created: AT, status: "done" };

// name: {welcome, frames: said after it, do: what the visitor does then, shows: what is seen when the state is reached}
export const STATES = {
  "closed": { shut: true, shows: ".launcher" },
  "unread": { shut: true, welcome: talk(asked(), reply()), visit: true, late: [{ type: "message", ...ada }], shows: ".badge:not(:empty)" },
  "empty": { shows: ".suggestion" },
  "sending": { do: (root, chat) => chat.ask(asked().text), shows: ".question.waiting" },
  "queue": { welcome: talk(asked(), reply(open)), frames: [stage("queued", { position: 3 })], shows: ".stage" },
  "searching": { welcome: talk(asked(), reply(open)), frames: [stage("searching")], shows: ".stage" },
  "reading": { welcome: talk(asked(), reply(open)), frames: [stage("searching"), found], shows: ".stage" },
  "writing": { welcome: talk(asked(), reply(open)), frames: [found, stage("writing")], shows: ".stage" },
  "slow": { welcome: talk(asked(), reply(open)), frames: [stage("searching")], shows: ".stage.slow" },
  "streaming": { welcome: talk(asked(), reply(open)), frames: [found, stage("writing"), numbered("delta", 2, { text: HALF })], shows: ".answer .prose p" },
  "answer": { welcome: talk(asked(), reply({ follow_ups: ["How long does a refund take?", "Can I exchange an item?"] })), shows: ".actions" },
  "long": { welcome: talk(asked(), reply({ text: Array(6).fill(TEXT).join("\n\n") })), do: (root) => (one(root, ".log").scrollTop = 0), shows: ".more" },
  "extract": { welcome: talk(asked(), reply({ outcome: "extracted", text: "Items may be returned within 30 days of delivery. [1]" })), shows: ".quote" },
  "abstain": { welcome: talk(asked("Do you sell gift cards?"), reply({ outcome: "abstained", text: "", sources: [], nearest: SOURCES.map(({ title, url }) => ({ title, url })) })), shows: ".foot .buttons" },
  "stopped": { welcome: talk(asked(), reply({ outcome: "stopped", text: HALF })), shows: ".foot .buttons" },
  "failed": { welcome: talk(asked(), reply(open)), frames: [numbered("failed", 1, { code: "unavailable", text: "", retry: true })], shows: ".answer.failed" },
  "rated-up": { welcome: talk(asked(), reply()), answer: rated, do: (root) => one(root, ".rating button").click(), shows: ".rating [aria-pressed=true] ~ .thanks:not(:empty)" },
  "rated-down": { welcome: talk(asked(), reply()), answer: rated, do: (root) => root.querySelectorAll(".rating button")[1].click(), shows: ".why" },
  "source": { welcome: talk(asked(), reply()), do: (root) => one(root, ".chip").click(), shows: ".preview" },
  "menu": { welcome: talk(asked(), reply()), do: (root) => one(root, ".icon-menu").closest("button").click(), shows: ".menu" },
  "about": { do: (root) => one(root, ".subtitle").click(), shows: ".about" },
  "counter": { do: (root, chat) => chat.fill("How do I return it? ".repeat(85)), shows: ".hint:not(:empty)" },
  "too-long": { do: (root, chat) => chat.fill("How do I return it? ".repeat(110)), shows: ".hint:not(:empty)" },
  "limit": { do: (root, chat) => chat.ask(asked().text), answer: (frame) => [{ type: "error", code: "rate_limited", text: "", id: frame.id }], shows: ".note:not(:empty)" },
  "offline": { offline: true, do: (root, chat) => chat.ask(asked().text), shows: ".notice.warn" },
  "lost": { welcome: talk(asked(), reply()), cut: true, shows: ".notice.warn" },
  "waiting": { welcome: talk(asked(), reply({ outcome: "handed_over", text: "I'll pass you on to a person on our team.", sources: [] })), frames: [{ type: "agent", name: "", state: "waiting" }], shows: ".notice" },
  "joined": { welcome: talk(asked(), reply()), frames: [{ type: "agent", name: "", state: "waiting" }, { type: "agent", name: "Ada", state: "joined" }, { type: "message", ...ada }], shows: ".agent" },
  "typing": { welcome: talk(asked(), reply()), frames: [{ type: "agent", name: "Ada", state: "joined" }, { type: "message", ...ada }], hold: 6000, do: (root, chat, server) => server.say({ type: "typing", name: "Ada" }), shows: ".turn > .stage" },
  "left": { welcome: talk(asked(), reply()), frames: [{ type: "agent", name: "Ada", state: "joined" }, { type: "message", ...ada }, { type: "agent", name: "Ada", state: "left" }], shows: ".event:nth-of-type(2), .event ~ .event" },
  "contact": { welcome: talk(asked(), reply()), frames: [{ type: "agent", name: "", state: "closed" }], shows: ".contact" },
  "contact-refused": { welcome: talk(asked(), reply()), frames: [{ type: "agent", name: "", state: "closed" }], fill: "dora", shows: ".error:not(:empty)" },
  "ended": { welcome: talk(asked(), reply()), frames: [{ type: "agent", name: "", state: "ended" }], shows: ".event .buttons" },
  "prechat": { settings: { ask_first: ["name", "email"], ask_first_required: true }, do: (root) => one(root, ".contact .primary").click(), shows: ".contact .error:not(:empty)" },
  "hours": { settings: { back: "2099-11-23T09:00:00+00:00" }, shows: ".notice" },
  "past": { welcome: talk(asked(), reply()), answer: (frame) => (frame.type === "conversations" ? [EARLIER] : []), do: (root) => item(root, 1).click(), shows: ".past" },
  "expanded": { welcome: talk(asked(), reply()), do: (root) => one(root, ".widen").click(), shows: ".panel.wide" },
  "contact-sent": { welcome: talk(asked(), reply()), frames: [{ type: "agent", name: "", state: "closed" }], fill: "dora@example.com", shows: ".place > .status" },
};

function one(root, selector) {
  return root.querySelector(selector);
}

function item(root, at) {
  return root.querySelectorAll(".menu button")[at];
}

function visible(root, selector) {
  return [...root.querySelectorAll(selector)].find((one) => one.checkVisibility({ visibilityProperty: true }));
}

/** Resolves once `selector` is seen in the widget. */
async function seen(root, selector) {
  while (!visible(root, selector)) await new Promise((after) => setTimeout(after, 20));
}

export async function reach(name, chat) {
  const state = STATES[name];
  if (name === "slow") hasten(10_000);
  if (state.hold) suspend(state.hold);
  if (state.offline) pretendOffline();
  const server = playServer({ welcome: { suggestions: SUGGESTIONS, ...state.welcome }, settings: state.settings, answer: (frame) => (frame.type === "hello" ? (state.frames ?? []) : (state.answer?.(frame) ?? [])) });
  await customElements.whenDefined("support-chat");
  const root = chat.shadowRoot;
  if (!state.shut || state.visit) {
    chat.show();
    await seen(root, "#question");
  }
  if (state.welcome?.messages) await seen(root, "article.answer");
  if (state.visit) chat.close();
  if (state.late) server.say(...state.late);
  if (state.cut) server.cut();
  if (state.fill) await fillContact(root, state.fill);
  await state.do?.(root, chat, server);
  await seen(root, state.shows);
  document.documentElement.dataset.state = name;
}

async function fillContact(root, email) {
  await seen(root, "#email");
  one(root, "#email").value = email;
  one(root, ".contact .primary").click();
}

/** Timers of this length end at once. */
function hasten(milliseconds) {
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (act, wait, ...rest) => real(act, wait === milliseconds ? 0 : wait, ...rest);
}

/** Timers of this length never end. */
function suspend(milliseconds) {
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (act, wait, ...rest) => (wait === milliseconds ? 0 : real(act, wait, ...rest));
}

function pretendOffline() {
  Object.defineProperty(navigator, "onLine", { get: () => false });
}

const query = new URLSearchParams(location.search);
const name = query.get("state");
const chat = document.querySelector("support-chat");
for (const attribute of ["theme", "placement", "mode", "heading"]) if (query.has(attribute)) chat.setAttribute(attribute, query.get(attribute));
for (const attribute of ["lang", "dir"]) if (query.has(attribute)) document.documentElement.setAttribute(attribute, query.get(attribute));
if (Object.hasOwn(STATES, name)) reach(name, chat);

const list = document.getElementById("states");
for (const other of list ? Object.keys(STATES) : []) {
  const link = document.createElement("a");
  query.set("state", other);
  link.href = `?${query}`;
  link.textContent = other;
  if (other === name) link.setAttribute("aria-current", "page");
  const item = document.createElement("li");
  item.append(link);
  list.append(item);
}
