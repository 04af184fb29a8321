// The widget as a row would make it, told by the page around this one, with a scripted server: for the form of the admin.

import { playServer } from "./scripted.js";

const TEXT = "You can send an item back within **30 days** of delivery [1].\n\nThe refund reaches you *5 working days* later [1].";
const SOURCES = [{ n: 1, title: "Returns and refunds", url: "/help/", heading: "How long you have" }];
const welcome = {};
const settings = {};
let asked = 0;
let shown = "";

const server = playServer({ welcome, settings, answer });

function answer(frame) {
  if (frame.type !== "ask") return [];
  asked += 1;
  const told = { reply: `r${asked}`, epoch: 1 };
  return [
    { type: "accepted", id: frame.id, message: `m${asked}`, reply: told.reply, conversation: "c1" },
    { type: "sources", ...told, seq: 1, sources: SOURCES },
    { type: "delta", ...told, seq: 2, text: TEXT },
    { type: "done", ...told, seq: 3, text: TEXT, outcome: "answered", citations: [1], nearest: [], follow_ups: [] },
  ];
}

/** In place where that can be: an element that is made anew takes the focus, and the form has it. */
function show({ settings: row, accent, theme, placement, heading, greeting, suggestions, language, scheme }) {
  Object.assign(welcome, { greeting, suggestions });
  Object.assign(settings, row);
  document.querySelector('meta[name="color-scheme"]').content = scheme;
  const made = JSON.stringify([language, row]);
  if (made !== shown) make(language);
  shown = made;
  const chat = document.querySelector("support-chat");
  chat.style.setProperty("--support-chat-accent", accent.length ? `light-dark(${accent})` : "");
  for (const [name, value] of Object.entries({ theme, placement, heading })) chat.setAttribute(name, value);
  server.say({ type: "welcome", protocol: 1, token: "scripted", conversation: null, messages: [], resumed: null, ...welcome });
}

function make(language) {
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  document.querySelector("support-chat")?.remove();
  const chat = document.createElement("support-chat");
  chat.setAttribute("key", "preview");
  chat.addEventListener("sc-toggle", async () => {
    await chat.panel();
    parent.postMessage("preview shown", location.origin);
  });
  document.body.append(chat);
  chat.show("restore");
}

addEventListener("message", (event) => event.origin === location.origin && event.data.preview && show(event.data.preview));
customElements.whenDefined("support-chat").then(() => parent.postMessage("preview ready", location.origin));
