// The panel: builds the parts once, then draws the transcript into them whenever it changes.

import { Composer } from "./composer.js";
import { Contact } from "./contact.js";
import { button, h, icon } from "./dom.js";
import { Header } from "./header.js";
import { allowed, plain } from "./markdown.js";
import { viewOf } from "./messages.js";
import { Preview } from "./preview.js";
import { Scrolling } from "./scrolling.js";
import { sessionAt } from "./session.js";
import { direction, speak, spoken } from "./strings.js";
import { sheet } from "./styles.js";
import { Surface } from "./surface.js";
import { busy, questionOf } from "./transcript.js";

const FLUSH_MS = 50;
const LOST_AFTER_MS = 3000;
const IDLE_MS = 120_000;
const SPOKEN_MS = 5000;
const LONGEST_SPOKEN = 600;

export class Panel {
  #host;
  #announcer;
  #session;
  #views = new Map(); // key of a message -> its view
  #turns = h("ol", { class: "turns", role: "list" });
  #drawAt = 0;
  #drawn = 0;
  #lost = 0;
  #away = 0;
  #stop = null;
  #toTop = null; // key of the question that goes to the top edge once drawn
  #contact = null;
  #settled = false;
  #asked = new Map(); // reply -> when, to tell how long it took

  /** The words come first: everything else is made with them. */
  static async make(host, announcer, launcher) {
    const language = spoken(host.language);
    return new Panel(host, announcer, launcher, language, await speak(language, host.strings));
  }

  constructor(host, announcer, launcher, language, t) {
    this.#host = host;
    this.#announcer = announcer;
    this.t = t;
    this.#session = sessionAt(host.endpoint, host.key);
    this.#session.locale = host.language;
    this.#build(language);
    this.surface = new Surface(host, launcher, this.element);
    host.shadowRoot.adoptedStyleSheets.push(sheet);
    host.shadowRoot.append(this.element);
    this.scrolling = new Scrolling(this.log, this.#turns, (under) => (this.more.hidden = !under));
    this.composer.fill(this.#session.draft);
    this.attach();
  }

  get state() { return this.#session.state; }
  get conversation() { return this.#session.transcript.conversation; }

  attach() {
    if (this.#stop) return;
    if (this.#session.shown) console.warn("support-chat: two elements share one conversation");
    this.#session.shown = true;
    this.#stop = this.#session.listen((frame, before) => this.#changed(frame, before));
    if (this.#host.isConnected && (this.#host.open || this.#session.transcript.messages.length)) this.#session.connect();
    this.refresh();
  }

  detach() {
    this.#stop?.();
    this.#stop = null;
    this.#session.shown = false;
    this.surface.hide();
    this.#session.disconnect();
  }

  refresh() {
    this.surface.refresh();
    this.#draw();
  }

  show(reason) {
    this.attach();
    clearTimeout(this.#away);
    this.#session.connect();
    this.surface.show();
    this.#session.opened = true;
    this.#host.unread = 0;
    this.#draw();
    this.scrolling.atEnd();
    if (reason === "user" || reason === "api") this.focus();
  }

  hide(reason) {
    this.preview.close();
    this.header.closeMenu();
    this.surface.hide();
    this.#session.opened = false;
    if (reason !== "host") this.surface.returnFocus();
    clearTimeout(this.#away);
    this.#away = setTimeout(() => this.#rest(), IDLE_MS);
  }

  focus() {
    const touch = matchMedia("(pointer: coarse)").matches;
    (touch ? this.header.title : this.composer.input).focus({ preventScroll: true });
  }

  ask(text) {
    const said = String(text).trim();
    if (!said || busy(this.#session.transcript) || !this.#host.tell("sc-ask", { text: said }, true)) return null;
    const id = this.#session.ask(said);
    this.#toTop = id;
    this.#draw();
    return id;
  }

  fill(text) {
    this.composer.fill(text);
    this.composer.input.focus();
  }

  stop() { return this.#session.stop(); }
  identify(token) { this.#session.identify(token); }

  reset() {
    this.#clear();
    this.#session.reset();
    if (this.#host.open) this.#session.connect();
  }

  #build(language) {
    const { t } = this;
    const actions = {
      close: () => this.#host.close("user"), begin: () => this.#begin(), human: () => this.#human(),
    };
    this.header = new Header(t, actions, this.#host.getAttribute("privacy-href"));
    this.notice = h("p", { class: "notice", part: "notice", role: "status", hidden: true });
    this.greeting = h("p", { class: "greeting", dir: "auto" });
    this.suggestions = h("div", { class: "suggestions", role: "group", "aria-label": t("empty.suggestions") });
    this.empty = h("div", { class: "empty" }, h("slot", { name: "greeting" }, this.greeting), this.suggestions);
    this.place = h("div", { class: "place" });
    this.log = h("div", { class: "log", part: "log", role: "region", "aria-label": t("log.label") }, this.empty, this.#turns, this.place);
    this.more = button(t("jump.more"), () => this.scrolling.toEnd(), { class: "more", hidden: true, tabindex: "-1" });
    this.more.prepend(icon("down_arrow"));
    this.composer = new Composer(t, {
      ask: (text) => this.ask(text), stop: () => this.stop(), save: (draft) => (this.#session.draft = draft), page: (way) => this.scrolling.page(way),
    });
    this.preview = new Preview(t);
    const small = h("p", { class: "small", text: t("empty.disclaimer") });
    const foot = h("div", { class: "bottom" }, this.more, this.composer.element, h("slot", { name: "footer" }, small));
    const props = { class: "panel", part: "panel", "aria-labelledby": "title", lang: language, dir: this.#direction(language) };
    this.element = h("dialog", props, this.header.element, this.notice, this.log, foot, this.preview.element);
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("cancel", (event) => this.#cancel(event));
    this.#turns.addEventListener("focusin", (event) => this.#reach(event.target.closest("article")));
  }

  #direction(language) {
    return this.#host.closest("[dir]")?.dir || (this.#host.closest("[lang]") ? direction(language) : null);
  }

  /** What a message may use of the panel. */
  get #desk() {
    const base = this.#host.endpoint;
    return {
      t: this.t, session: this.#session, base, hosts: [new URL(base).host, location.host],
      time: (iso) => new Intl.DateTimeFormat(this.#host.language, { hour: "2-digit", minute: "2-digit" }).format(new Date(iso)),
      address: (url) => allowed(url, base, [new URL(base).host, location.host]),
      leave: (event, url) => this.#host.tell("sc-source", { url }, true) || event.preventDefault(),
      preview: (from, source) => this.preview.show(from, source, this.#desk.address(source.url), this.#desk.leave),
      again: (reply) => this.#again(reply),
      rephrase: (reply) => this.fill(questionOf(this.#session.transcript, reply)?.text ?? ""),
      rate: (reply, score, comment) => {
        this.#session.rate(reply, score, comment);
        this.#host.tell("sc-rate", { id: reply, value: score });
      },
      human: () => this.#human(),
      ask: (text) => this.#suggested(text),
    };
  }

  #suggested(text) {
    this.ask(text);
    this.composer.input.focus({ preventScroll: true });
  }

  #again(reply) {
    const question = questionOf(this.#session.transcript, reply);
    if (question) this.#suggested(question.text);
  }

  #begin() {
    this.#clear();
    this.#session.begin();
    this.focus();
  }

  #clear() {
    this.#contact?.element.remove();
    this.#contact = null;
    this.#toTop = null;
  }

  #human() {
    if (!this.#session.handover()) {
      this.#openContact();
      return this.#contact.email.focus();
    }
    this.scrolling.toEnd();
    return this.composer.input.focus({ preventScroll: true });
  }

  #openContact() {
    if (this.#contact) return;
    this.#contact = new Contact(this.t, this.#session, () => {
      this.#contact?.element.remove();
      this.#contact = null;
    });
    this.place.replaceChildren(this.#contact.element);
    this.scrolling.atEnd();
  }

  /** The connection rests while nobody looks and nothing is under way. */
  #rest() {
    const { transcript } = this.#session;
    if (!this.#host.open && !busy(transcript) && !["waiting", "joined"].includes(transcript.agent?.state)) this.#session.disconnect();
  }

  #changed(frame, before) {
    clearTimeout(this.#lost);
    this.#lost = 0;
    if (frame) this.#hear(frame, before);
    const gap = FLUSH_MS - (performance.now() - this.#drawn);
    if (this.#drawAt) return;
    this.#drawAt = setTimeout(() => {
      const draw = () => {
        this.#drawAt = 0;
        this.#draw();
      };
      if (document.hidden) draw();
      else requestAnimationFrame(draw);
    }, Math.max(0, gap));
  }

  #hear(frame, before) {
    const { t } = this;
    const { transcript } = this.#session;
    if (frame.type === "accepted") this.#asked.set(frame.reply, performance.now());
    if (frame.type === "stage" && frame.stage === "searching") this.#say(t("stage.search"));
    if (frame.type === "done") this.#finished(transcript.messages.find((m) => m.id === frame.reply));
    if (frame.type === "failed") {
      this.#say(t("error.text"));
      this.#host.tell("sc-error", { code: frame.code, retryable: Boolean(frame.retry) });
    }
    if (frame.type === "error") this.#host.tell("sc-error", { code: frame.code, retryable: frame.code === "busy" });
    if (frame.type === "agent" && transcript.agent !== before.agent) this.#agent(transcript.agent);
    if (frame.type === "message" && transcript.messages.length > before.messages.length) {
      const said = transcript.messages.at(-1);
      this.#say(`${said.author || t("author.team")}: ${plain(said.text)}`);
      this.#news();
    }
  }

  #finished(message) {
    if (!message || message.status !== "done") return;
    const text = plain(message.text) || this.t("abstain.text");
    const long = text.length > LONGEST_SPOKEN;
    this.#say(long ? `${text.slice(0, text.indexOf("\n") > 0 ? Math.min(text.indexOf("\n"), LONGEST_SPOKEN) : LONGEST_SPOKEN)} ${this.t("answer.long", { n: message.sources.length })}` : text);
    this.#news();
    const kind = { answered: "answer", extracted: "extract", abstained: "abstain" }[message.outcome] ?? message.outcome;
    const ms = Math.round(performance.now() - (this.#asked.get(message.id) ?? performance.now()));
    this.#host.tell("sc-answer", { id: message.id, kind, sources: message.sources.length, ms });
  }

  #news() {
    if (!this.#host.open) this.#host.unread += 1;
  }

  #agent(agent) {
    this.#host.tell("sc-human", { status: agent.state });
    const key = { waiting: "human.wait", joined: "human.joined", left: "human.left", closed: "human.closed" }[agent.state];
    if (key) this.#say(this.t(key, { name: agent.name || this.t("author.team") }));
    if (agent.state === "closed") this.#openContact();
  }

  /** Plain words for screen readers; the visible log is never live. */
  #say(text) {
    const line = h("p", { text });
    this.#announcer.append(line);
    setTimeout(() => line.remove(), SPOKEN_MS);
  }

  #draw() {
    this.#drawn = performance.now();
    const { transcript } = this.#session;
    this.header.show(this.#host.heading, transcript.agent);
    this.#greet(transcript);
    this.#notify(transcript);
    this.#list(transcript.messages);
    this.composer.busy = busy(transcript);
  }

  #greet({ greeting, suggestions, messages }) {
    this.greeting.textContent = greeting || this.t("empty.text");
    this.empty.hidden = messages.length > 0;
    const texts = this.#host.suggestions?.length ? this.#host.suggestions : suggestions;
    const shown = [...this.suggestions.children].map((one) => one.textContent);
    if (shown.join("\n") === texts.slice(0, 4).join("\n")) return;
    const props = { class: "suggestion", part: "suggestion", dir: "auto" };
    this.suggestions.replaceChildren(...texts.slice(0, 4).map((text) => button(text, () => this.#suggested(text), props)));
  }

  #notify({ agent, error }) {
    const { t } = this;
    let text = "";
    if (this.state === "offline") text = t("net.offline");
    else if (this.state === "lost") text = this.#sinceLost() ? t("net.lost") : "";
    else if (error?.code === "rate_limited") text = t("limit.rate");
    else if (agent?.state === "waiting") text = t("human.wait");
    if (!text && this.notice.classList.contains("warn") && this.state === "ready") this.#say(t("net.back"));
    if (this.notice.textContent !== text) this.notice.textContent = text;
    this.notice.classList.toggle("warn", Boolean(text) && (this.state === "offline" || this.state === "lost"));
    this.notice.hidden = !text;
  }

  #sinceLost() {
    const waited = Date.now() - this.#session.lostAt;
    if (waited >= LOST_AFTER_MS) return true;
    this.#lost ||= setTimeout(() => this.#draw(), LOST_AFTER_MS - waited + 10);
    return false;
  }

  #list(messages) {
    const keys = new Set(messages.map((m) => m.key));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
    }
    let turn = null;
    const follow = this.scrolling.nearEnd;
    let spoke = false;
    for (const message of messages) {
      let view = this.#views.get(message.key);
      if (!view) {
        view = viewOf(message, this.#desk);
        this.#views.set(message.key, view);
        spoke ||= message.role === "agent" && message.live;
      }
      turn = this.#turnOf(view, message, turn);
      view.update(message);
    }
    for (const li of [...this.#turns.children]) if (!li.hasChildNodes()) li.remove();
    this.#settle(messages, spoke && follow);
  }

  /** A question begins a turn; what answers it belongs to the same one. */
  #turnOf(view, message, turn) {
    const begins = message.role === "customer" || !turn;
    let li = view.element.parentElement;
    if (!li) li = begins ? h("li", { class: "turn" }) : turn;
    if (begins && li !== turn) {
      if (turn ? turn.nextElementSibling !== li : this.#turns.firstElementChild !== li) turn ? turn.after(li) : this.#turns.prepend(li);
    } else if (!begins && li !== turn) {
      li = turn;
    }
    if (view.element.parentElement !== li) li.append(view.element);
    return li;
  }

  #settle(messages, follow) {
    const newest = this.#newest();
    for (const view of this.#views.values()) view.reachable(view.element === newest || view.element.contains(this.#focused()));
    if (this.#toTop && this.#views.has(this.#toTop)) {
      this.scrolling.toTurn(this.#views.get(this.#toTop).element.parentElement);
      this.#toTop = null;
    } else if (follow) {
      this.scrolling.toEnd();
    } else if (messages.length && !this.#settled) {
      this.scrolling.atEnd();
    }
    this.#settled = messages.length > 0;
  }

  #focused() {
    return this.#host.shadowRoot.activeElement;
  }

  #newest() {
    return [...this.#turns.querySelectorAll("article.answer, article.agent")].at(-1) ?? null;
  }

  #reach(reached) {
    const newest = this.#newest();
    for (const view of this.#views.values()) view.reachable(view.element === reached || view.element === newest);
  }

  #key(event) {
    if (event.key === "Escape") return this.#cancel(event);
    if (event.key === "F6") {
      event.preventDefault();
      const inLog = this.log.contains(this.#focused());
      return (inLog ? this.composer.input : (this.#newest() ?? this.log)).focus();
    }
    const at = this.#focused();
    if (at?.tagName !== "ARTICLE") return undefined;
    const all = [...this.#turns.querySelectorAll("article")];
    const step = { ArrowUp: all.indexOf(at) - 1, ArrowDown: all.indexOf(at) + 1, Home: 0, End: all.length - 1 }[event.key];
    if (step === undefined) return undefined;
    event.preventDefault();
    return all[Math.min(Math.max(step, 0), all.length - 1)].focus();
  }

  #cancel(event) {
    event.preventDefault();
    event.stopPropagation();
    if (this.preview.open) return this.preview.close();
    if (this.header.closeMenu()) return this.header.menuButton.focus();
    return this.#host.mode === "inline" ? undefined : this.#host.close("escape");
  }
}
