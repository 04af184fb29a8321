// The panel: builds the parts once, then draws the transcript into them whenever it changes.

import { Composer } from "./composer.js";
import { contactOf } from "./contact.js";
import { button, h, icon } from "./dom.js";
import { firstOf } from "./first.js";
import { Header } from "./header.js";
import { allowed } from "./markdown.js";
import { stageLine } from "./messages.js";
import { Notices } from "./notices.js";
import { pastOf } from "./past.js";
import { Preview } from "./preview.js";
import { download, recordOf } from "./record.js";
import { Scrolling } from "./scrolling.js";
import { sessionAt } from "./session.js";
import { direction, offered, speak, spoken } from "./strings.js";
import { sheet } from "./styles.js";
import { Surface } from "./surface.js";
import { busy, questionOf } from "./transcript.js";
import { Turns } from "./turns.js";

const FLUSH_MS = 50;
const IDLE_MS = 120_000;
const WRITES_MS = 6000;

export class Panel {
  #host;
  #session;
  #language;
  #drawAt = 0;
  #drawn = 0;
  #away = 0;
  #stop = null;
  #toTop = null; // key of the question that goes to the top edge once drawn
  #settled = false;
  #writing = stageLine();
  #wrote = 0;
  #form = null; // asked before the first question

  /** The words come first: everything else is made with them. */
  static async make(host, announcer, launcher) {
    const language = spoken(host.language, host.settings.languages);
    return new Panel(host, announcer, launcher, language, await speak(language, host.strings));
  }

  constructor(host, announcer, launcher, language, t) {
    this.#host = host;
    this.#language = language;
    this.t = t;
    this.#session = sessionAt(host.endpoint, host.key);
    this.#session.locale = host.language;
    this.#session.context = host.context;
    this.notices = new Notices(t, host, this.#session, announcer);
    this.#build();
    this.surface = new Surface(host, launcher, this.element);
    const sheets = host.shadowRoot.adoptedStyleSheets;
    if (!sheets.includes(sheet)) sheets.push(sheet);
    host.shadowRoot.append(this.element);
    this.scrolling = new Scrolling(this.log, this.turns.element, (under) => (this.more.hidden = !under));
    this.composer.fill(this.#session.draft);
    this.element.classList.toggle("wide", this.#session.wide);
    this.attach();
  }

  get state() { return this.#session.state; }
  get conversation() { return this.#session.transcript.conversation; }

  attach() {
    if (this.#stop) return;
    this.#stop = this.#session.listen((frame, before) => this.#changed(frame, before));
    if (this.#session.shown > 1) console.warn("support-chat: two elements share one conversation");
    if (this.#host.isConnected && (this.#host.open || this.#session.transcript.messages.length)) this.#session.connect();
    this.refresh();
  }

  detach() {
    this.#stop?.();
    this.#stop = null;
    this.surface.hide();
    clearTimeout(this.#away);
    if (!this.#session.shown) this.#session.disconnect();
  }

  /** Make way for a panel in another language. */
  leave(language) {
    this.#session.language = language;
    this.#stop?.();
    this.#stop = null;
    this.surface.hide();
    this.element.remove();
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
    if (!said || busy(this.#session.transcript) || this.#mustTell() || !this.#host.tell("sc-ask", { text: said }, true)) return null;
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

  #build() {
    const { t } = this;
    const actions = {
      close: () => this.#host.close("user"), begin: () => this.#begin(), human: () => this.#human(), past: () => this.#session.past(),
      download: () => this.#download(), widen: () => this.#widen(), speak: (language) => this.#host.speak(language),
    };
    const choice = { spoken: this.#language, languages: offered(this.#host.settings.languages) };
    const { privacy } = this.#host.settings;
    this.header = new Header(t, actions, this.#host.privacyHref || (privacy && new URL(privacy, this.#host.endpoint)), choice);
    this.greeting = h("p", { class: "greeting", dir: "auto" });
    this.suggestions = h("div", { class: "suggestions", role: "group", "aria-label": t("empty.suggestions") });
    this.empty = h("div", { class: "empty" }, h("slot", { name: "greeting" }, this.greeting), this.suggestions);
    this.place = h("div", { class: "place" });
    this.turns = new Turns(() => this.#desk, () => this.#focused());
    const small = () => h("p", { class: "small", text: t("empty.disclaimer") }); // in the log where the screen is low
    this.log = h("div", { class: "log", part: "log", role: "region", "aria-label": t("log.label") }, this.empty, this.turns.element, this.place, small());
    this.more = button(t("jump.more"), () => this.scrolling.toEnd(), { class: "more", hidden: true, tabindex: "-1" });
    this.more.prepend(icon("down_arrow"));
    this.composer = new Composer(t, {
      ask: (text) => this.ask(text), stop: () => this.stop(), page: (way) => this.scrolling.page(way),
      save: (draft) => (this.#session.draft = draft), typing: () => this.#session.typing(),
    });
    this.preview = new Preview(t);
    const foot = h("div", { class: "bottom" }, this.more, this.composer.element, h("slot", { name: "footer" }, small()));
    const props = { class: "panel", part: "panel", "aria-labelledby": "title", lang: this.#language, dir: this.#direction() };
    this.element = h("dialog", props, this.header.element, this.notices.element, this.log, foot, this.preview.element);
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("cancel", (event) => this.#cancel(event));
  }

  /** The page's, unless the words are in another language than the page. */
  #direction() {
    const page = this.#host.closest("[lang]")?.lang ?? "";
    return (page.startsWith(this.#language) && this.#host.closest("[dir]")?.dir) || direction(this.#language);
  }

  /** What a message may use of the panel. */
  get #desk() {
    const base = this.#host.endpoint;
    return {
      t: this.t, session: this.#session, base, hosts: [new URL(base).host, location.host],
      time: (iso) => new Intl.DateTimeFormat(this.#language, { hour: "2-digit", minute: "2-digit" }).format(new Date(iso)),
      address: (url) => this.#address(url),
      leave: (event, url) => this.#host.tell("sc-source", { url }, true) || event.preventDefault(),
      preview: (from, source) => this.preview.show(from, source, this.#address(source.url), this.#desk.leave),
      again: (reply) => this.#again(reply),
      rephrase: (reply) => this.fill(questionOf(this.#session.transcript, reply)?.text ?? ""),
      rate: (reply, score, comment) => {
        this.#session.rate(reply, score, comment);
        this.#host.tell("sc-rate", { id: reply, value: score });
      },
      human: () => this.#human(),
      ask: (text) => this.#suggested(text),
      begin: () => this.#begin(),
      download: () => this.#download(),
    };
  }

  #address(url) {
    const base = this.#host.endpoint;
    return allowed(url, base, [new URL(base).host, location.host]);
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
    this.place.replaceChildren();
    this.turns.element.hidden = false;
    this.#toTop = null;
  }

  /** What stood in the log for a while is done with; its focus goes to the box. */
  #putAway() {
    this.#clear();
    this.#draw();
    this.composer.input.focus({ preventScroll: true });
  }

  #human() {
    this.#clear();
    if (!this.#session.handover()) {
      this.#openContact();
      return this.place.querySelector("input").focus();
    }
    this.scrolling.toEnd();
    return this.composer.input.focus({ preventScroll: true });
  }

  #openContact() {
    if (this.place.querySelector("form")) return;
    const form = contactOf(this.t, this.#session, this.#back(), () => this.#putAway());
    this.place.replaceChildren(form);
    this.scrolling.atEnd();
  }

  #showPast(conversations) {
    const open = (id) => {
      this.#putAway();
      if (id !== this.conversation) this.#session.goTo(id);
    };
    this.empty.hidden = this.turns.element.hidden = true;
    this.place.replaceChildren(pastOf(conversations, this.t, this.#language, { open, shut: () => this.#putAway() }));
    this.place.querySelector("button").focus();
  }

  #download() {
    const text = recordOf(this.#session.transcript.messages, this.t, this.#language, (url) => this.#address(url));
    download(text, `${this.header.title.textContent}.txt`);
  }

  #widen() {
    this.#session.wide = this.element.classList.toggle("wide");
  }

  /** When the team is there again, in the reader's words; empty if it is there, or if nobody said. */
  #back() {
    const { back } = this.#host.settings;
    const form = { weekday: "long", hour: "2-digit", minute: "2-digit" };
    return back && new Date(back) > new Date() ? new Intl.DateTimeFormat(this.#language, form).format(new Date(back)) : "";
  }

  /** The boxes to fill in before the first question, where the company wants them. */
  #askFirst({ conversation, known }) {
    const wanted = this.#host.settings.ask_first?.length && !conversation && !known && !this.#session.told;
    if (!wanted) {
      this.#form?.remove();
      this.#form = null;
    } else if (!this.#form) {
      this.#form = firstOf(this.t, this.#host.settings, (about) => {
        this.#session.about = about;
        this.#draw();
        this.composer.input.focus({ preventScroll: true });
      });
      this.suggestions.before(this.#form);
    }
    this.suggestions.hidden = Boolean(wanted);
  }

  #mustTell() {
    if (!this.#form || !this.#host.settings.ask_first_required) return false;
    this.#form.requestSubmit();
    return Boolean(this.#form);
  }

  /** The connection rests while nobody looks and nothing is under way. */
  #rest() {
    const { transcript } = this.#session;
    if (!this.#host.open && !busy(transcript) && !["waiting", "joined"].includes(transcript.agent?.state)) this.#session.disconnect();
  }

  #changed(frame, before) {
    if (frame) this.notices.hear(frame, before);
    if (frame?.type === "agent" && frame.state === "closed") this.#openContact();
    if (frame?.type === "conversations") this.#showPast(frame.conversations);
    if (["typing", "message", "agent"].includes(frame?.type)) this.#writes(frame);
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

  /** The person at the other end writes, until they have said it or stopped. */
  #writes({ type, name }) {
    clearTimeout(this.#wrote);
    this.#writing.remove();
    if (type !== "typing") return;
    this.#writing.lastChild.textContent = this.t("human.typing", { name: name || this.t("author.team") });
    this.turns.element.lastElementChild?.append(this.#writing);
    this.#wrote = setTimeout(() => this.#writing.remove(), WRITES_MS);
  }

  #draw() {
    this.#drawn = performance.now();
    const { transcript } = this.#session;
    const { messages } = transcript;
    this.header.show(this.#host.heading || this.#host.settings.heading, transcript);
    this.#greet(transcript);
    this.notices.show(this.#back());
    const follow = this.scrolling.nearEnd;
    const spoke = this.turns.show(messages);
    if (this.#toTop && this.turns.turn(this.#toTop)) {
      this.scrolling.toTurn(this.turns.turn(this.#toTop));
      this.#toTop = null;
    } else if (spoke && follow) {
      this.scrolling.toEnd();
    } else if (messages.length && !this.#settled) {
      this.scrolling.atEnd();
    }
    this.#settled = messages.length > 0;
    this.composer.busy = busy(transcript);
  }

  #greet(transcript) {
    const { greeting, suggestions, messages } = transcript;
    this.greeting.textContent = greeting || this.t("empty.text");
    this.empty.hidden = messages.length > 0 || this.turns.element.hidden;
    this.#askFirst(transcript);
    const texts = this.#host.suggestions?.length ? this.#host.suggestions : suggestions;
    const shown = [...this.suggestions.children].map((one) => one.textContent);
    if (shown.join("\n") === texts.slice(0, 4).join("\n")) return;
    const props = { class: "suggestion", part: "suggestion", dir: "auto" };
    this.suggestions.replaceChildren(...texts.slice(0, 4).map((text) => button(text, () => this.#suggested(text), props)));
  }

  #focused() {
    return this.#host.shadowRoot.activeElement;
  }

  #key(event) {
    if (event.key === "Escape") return this.#cancel(event);
    if (event.key === "F6") {
      event.preventDefault();
      const inLog = this.log.contains(this.#focused());
      return (inLog ? this.composer.input : (this.turns.newest ?? this.log)).focus();
    }
    const at = this.#focused();
    const to = at?.tagName === "ARTICLE" && this.turns.step(event.key, at);
    if (!to) return undefined;
    event.preventDefault();
    return to.focus();
  }

  #cancel(event) {
    event.preventDefault();
    event.stopPropagation();
    if (this.preview.open) return this.preview.close();
    if (this.header.closeMenu()) return this.header.menuButton.focus();
    return this.#host.mode === "inline" ? undefined : this.#host.close("escape");
  }
}
