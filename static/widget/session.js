// One conversation on one page: the transcript, the connection that feeds it, and what the browser remembers of it.

import { Connection } from "./connection.js";
import { kept, tab } from "./store.js";
import { EMPTY, asked, lastSeen, next, running, withdrawn } from "./transcript.js";

const TYPING_MS = 3000;
const sessions = new Map();

/** The session of a chat server and widget key; a page has one of each, however many elements show it. */
export function sessionAt(endpoint, key) {
  const url = socketUrl(endpoint, key);
  if (!sessions.has(url)) sessions.set(url, new Session(url, endpoint, key));
  return sessions.get(url);
}

export function socketUrl(endpoint, key) {
  const url = new URL(`/ws/chat/${encodeURIComponent(key)}/`, endpoint);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  return url.href;
}

/** A random id; `crypto.randomUUID` is missing on pages without https. */
function uuid() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => (byte + 256).toString(16).slice(1)).join("");
  return hex.replace(/^(.{8})(....)(....)(....)/, "$1-$2-$3-$4-");
}

export class Session {
  #store;
  #tab;
  #connection;
  #pending; // [{id, text, created}] not accepted yet, oldest first
  #stopWhenAccepted = null;
  #gaps = 0;
  #listeners = new Set();
  #identity = null;
  #doubted = false; // the last hello named a customer
  #typed = 0;
  context = null; // of the page, for the team
  transcript = EMPTY;
  state = "idle";
  lostAt = 0;
  locale = "en";

  constructor(url, endpoint, key) {
    this.endpoint = endpoint;
    this.key = key;
    this.#store = kept(url);
    this.#tab = tab(url);
    const { pending } = this.#tab.read();
    this.#pending = Array.isArray(pending) ? pending : []; // old libraries of pages write lists in a way of their own
    for (const question of this.#pending) this.transcript = asked(this.transcript, question);
    this.#recall();
    this.#connection = new Connection(url, {
      hello: () => this.#hello(),
      onFrame: (frame) => this.#hear(frame),
      onState: (state, code) => this.#moved(state, code),
    });
    addEventListener("storage", (event) => event.key === this.#store.name && (event.newValue === null ? this.#forget() : this.#otherTab()));
  }

  /** `listener(frame, before)` is called after every change; `frame` is null when no frame caused it. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How many elements show it. */
  get shown() {
    return this.#listeners.size;
  }

  connect() {
    this.#connection.open();
  }

  disconnect() {
    this.#connection.close();
  }

  get token() {
    return this.#store.read().token ?? null;
  }

  set language(language) {
    this.#store.write({ language });
    this.locale = language;
  }

  get wide() {
    return Boolean(this.#tab.read().wide);
  }

  set wide(wide) {
    this.#tab.write({ wide });
  }

  /** What the visitor told before the first question. */
  get about() {
    return this.#tab.read().about ?? {};
  }

  set about(about) {
    this.#tab.write({ about });
  }

  get told() {
    return Boolean(this.#tab.read().about);
  }

  get draft() {
    return this.#tab.read().draft ?? "";
  }

  set draft(text) {
    this.#tab.write({ draft: text });
  }

  set opened(open) {
    this.#tab.write({ open });
  }

  /** Send a question; gives the id it keeps whatever happens to the line. */
  ask(text) {
    const question = { id: uuid(), text, created: new Date().toISOString() };
    this.#remember([...this.#pending, question]);
    this.#change(asked(this.transcript, question));
    this.#connection.open();
    this.#send(question);
    return question.id;
  }

  #send({ id, text }) {
    const about = { ...this.context, ...this.about };
    this.#connection.send({ type: "ask", id, text, ...(Object.keys(about).length ? { about } : {}) });
  }

  stop() {
    const reply = running(this.transcript);
    if (reply) return this.#connection.send({ type: "stop", reply: reply.id });
    const question = this.#pending.at(-1);
    if (!question) return false;
    if (this.state === "ready") {
      this.#stopWhenAccepted = question.id;
    } else {
      this.#remember(this.#pending.filter((other) => other !== question));
      this.#change(withdrawn(this.transcript, question.id));
    }
    return true;
  }

  rate(reply, score, comment) {
    return this.#connection.send({ type: "rate", reply, score, ...(comment ? { comment } : {}) });
  }

  handover(reason) {
    return this.#connection.send({ type: "handover", ...(reason ? { reason } : {}) });
  }

  /** The conversations of before; the frame `conversations` answers. */
  past() {
    return this.#connection.send({ type: "conversations" });
  }

  /** A person at the other end may see that something is being written, never what. */
  typing() {
    if (this.transcript.agent?.state !== "joined" || Date.now() - this.#typed < TYPING_MS) return;
    this.#typed = Date.now();
    this.#connection.send({ type: "typing" });
  }

  identify(token) {
    this.#identity = token;
    if (this.state !== "idle") this.#connection.again();
  }

  /** A new conversation of the same visitor. */
  begin() {
    this.goTo(null);
  }

  /** Go on with another conversation of the same visitor. */
  goTo(conversation) {
    this.#store.write({ conversation, last_seen: null });
    this.#empty();
    this.transcript = { ...this.transcript, conversation };
    this.#connection.again();
  }

  /** Forget this visitor: for a logout on a shared computer. */
  reset() {
    const { token, key: widget } = this;
    const body = JSON.stringify({ widget, token });
    // Not over the socket: there is none while nobody looks, and the page may be left right after.
    if (token) fetch(new URL("/chat/logout", this.endpoint), { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body, credentials: "omit" }).catch(() => null);
    this.#connection.close();
    this.#forget();
  }

  #forget() {
    this.#store.clear();
    this.#tab.clear();
    this.#identity = null;
    this.#empty();
  }

  #empty() {
    this.#remember([]);
    this.#change({ ...EMPTY, greeting: this.transcript.greeting, suggestions: this.transcript.suggestions });
  }

  /** After a reload the text is gone: the reply that was running is asked for from its first frame. */
  #recall() {
    const { conversation, last_seen: seen } = this.#store.read();
    if (!conversation) return;
    this.transcript = { ...this.transcript, conversation };
    if (seen) this.transcript = next(this.transcript, { type: "accepted", reply: seen.reply });
  }

  #hello() {
    this.#doubted = Boolean(this.#identity);
    return {
      type: "hello",
      protocol: 1,
      token: this.token,
      identity: this.#identity,
      conversation: this.transcript.conversation,
      last_seen: this.#gaps > 2 ? null : lastSeen(this.transcript),
      locale: this.locale,
      page: { url: location.href.slice(0, 2000), title: document.title.slice(0, 200) },
    };
  }

  #hear(frame) {
    const before = this.transcript;
    if (frame.type === "error" && frame.code === "bad_token") return this.#refused(before, frame);
    const after = next(before, { at: new Date().toISOString(), ...frame });
    if (frame.type === "welcome") this.#welcomed(frame, after);
    if (frame.type === "accepted") this.#accepted(frame, after);
    if (frame.type === "agent") this.#store.write({ conversation: after.conversation });
    if (frame.type === "done" || frame.type === "failed") {
      this.#gaps = 0;
      this.#store.write({ last_seen: null });
    }
    const refused = after.messages.filter((m) => m.status === "refused").map((m) => m.key);
    if (refused.length) this.#remember(this.#pending.filter((question) => !refused.includes(question.id)));
    this.#change(after, frame);
    if (after.gap) {
      this.#gaps += 1;
      this.#connection.recover();
    }
  }

  #welcomed(frame, after) {
    this.#identity = null; // it may expire; the token names the visitor from here on
    this.#store.write({ token: frame.token, conversation: after.conversation });
    if (!running(after)) this.#store.write({ last_seen: null });
    for (const question of this.#pending) this.#send(question);
  }

  #accepted(frame, after) {
    this.#remember(this.#pending.filter((question) => question.id !== frame.id));
    this.#store.write({
      conversation: after.conversation,
      last_seen: frame.reply ? { reply: frame.reply, epoch: 1, seq: 0 } : null,
    });
    if (this.#stopWhenAccepted === frame.id && frame.reply) this.#connection.send({ type: "stop", reply: frame.reply });
    this.#stopWhenAccepted = null;
  }

  /** A customer's token that is no good costs nobody the conversation they had as a stranger. */
  #refused(before, frame) {
    if (!this.#doubted) return this.#forgotten();
    this.#identity = null;
    this.#change(before, { ...frame, code: "bad_identity" });
    return this.#connection.greet();
  }

  /** The server does not know our token: go on as a new visitor, with the questions that wait. */
  #forgotten() {
    this.#identity = null;
    this.#store.clear();
    const waiting = this.transcript.messages.filter((m) => m.status === "sending");
    this.#change({ ...EMPTY, messages: waiting });
    this.#connection.greet();
  }

  #moved(state, code) {
    if (state === "lost" && this.state !== "lost") this.lostAt = Date.now();
    this.state = state;
    const tooLarge = 1009; // the server cut a frame that was over its size; sending it again would never end
    if (code === tooLarge) {
      this.#remember([]);
      this.#change(next(this.transcript, { type: "error", code: "too_long" }));
    }
    this.#change(this.transcript);
  }

  /** Another tab wrote to the store: follow it, unless this tab is in the middle of something. */
  #otherTab() {
    const { conversation = null, last_seen: seen = null } = this.#store.read();
    if (this.state === "idle" || running(this.transcript) || this.#pending.length) return;
    const moved = conversation !== this.transcript.conversation;
    const news = seen && !this.transcript.messages.some((m) => m.id === seen.reply);
    if (!moved && !news) return;
    this.transcript = { ...EMPTY, conversation };
    this.#recall();
    this.#connection.again();
  }

  #remember(pending) {
    this.#pending = pending;
    this.#tab.write({ pending });
  }

  #change(transcript, frame = null) {
    const before = this.transcript;
    this.transcript = transcript;
    for (const listener of this.#listeners) listener(frame, before);
  }
}
