// How each kind of message looks. A view is made once and updated with newer states of its message.

import { button, h, icon, iconButton } from "./dom.js";
import { plain } from "./markdown.js";
import { Prose } from "./prose.js";
import { Rating } from "./rating.js";

const SLOW_MS = 10_000;
const SOURCES_SHOWN = 3;
const FOLLOW_UPS_SHOWN = 2;

/** The view of a message; `desk` offers t, session, hosts, base, time(iso) and what a message can ask the panel to do. */
export function viewOf(message, desk) {
  const View = { customer: Question, bot: Answer, agent: Said, notice: Notice }[message.role] ?? Said;
  return new View(message, desk);
}

function byline(desk, author, message) {
  const time = message.created ? h("time", { datetime: message.created, text: desk.time(message.created) }) : null;
  return h("p", { class: "byline" }, h("bdi", { class: "author", text: author }), time);
}

/** Three dots and words; they appear after 0.3 seconds. */
export function stageLine(text = "") {
  return h("p", { class: "stage", part: "stage" }, h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", { text }));
}

function article(part, name) {
  return h("article", { class: part, part: `message ${part}`, tabindex: "-1", "aria-label": name });
}

class Question {
  #note = h("p", { class: "note", role: "status" });
  #stage;
  #desk;

  constructor(message, desk) {
    this.#desk = desk;
    this.element = article("question", `${desk.t("author.you")}: ${message.text.slice(0, 60)}`);
    this.#stage = stageLine(desk.t("stage.sent"));
    this.element.append(h("p", { class: "bubble", dir: "auto", text: message.text }), this.#stage, this.#note);
  }

  update(message) {
    const { t } = this.#desk;
    const waiting = message.status === "sending";
    this.element.classList.toggle("waiting", waiting);
    this.#stage.hidden = !waiting || this.#desk.session.state === "offline";
    if (message.status !== "refused") return this.#note.replaceChildren();
    const sentences = { too_long: t("limit.too_long", { n: 2000 }), rate_limited: t("limit.rate") };
    this.#note.textContent = sentences[message.code] ?? message.note ?? t("error.text");
    return undefined;
  }

  reachable() {}
}

class Said {
  #prose;

  constructor(message, desk) {
    const author = message.author || desk.t("author.team");
    this.element = article("agent", `${author}: ${message.text.slice(0, 60)}`);
    const body = h("div", { class: "prose", dir: "auto" });
    this.element.append(byline(desk, author, message), body);
    this.#prose = new Prose(body, { cite: (n) => document.createTextNode(`[${n}]`), leave: desk.leave });
    this.#prose.show(message.text, { base: desk.base, hosts: desk.hosts });
  }

  update() {}
  reachable() {}
}

class Notice {
  constructor(message, desk) {
    const { t } = desk;
    const ended = message.status === "ended";
    const key = ended ? "end.closed" : `human.${message.status}`;
    const line = h("p", { dir: "auto", text: t(key, { name: message.author || t("author.team") }) });
    const ways = ended && h("div", { class: "buttons" }, button(t("end.new"), desk.begin), button(t("menu.download"), desk.download));
    this.element = h("div", { class: "event" }, line, ways || null);
  }

  update() {}
  reachable() {}
}

class Answer {
  #desk;
  #prose;
  #message;
  #stage = stageLine();
  #lead = h("p", { class: "lead" });
  #body = h("div", { class: "prose", dir: "auto" });
  #foot = h("div", { class: "foot" });
  #ending = "";
  #slow = 0;
  #rating = null;
  #reachable = true;

  constructor(message, desk) {
    this.#desk = desk;
    this.element = article("answer", desk.t("author.assistant"));
    this.element.append(byline(desk, desk.t("author.assistant"), message), this.#stage, this.#lead, this.#body, this.#foot);
    this.#prose = new Prose(this.#body, { cite: (n) => this.#chip(n), leave: desk.leave });
  }

  update(message) {
    this.#message = message;
    const open = message.status === "queued" || message.status === "streaming";
    const { t, base, hosts } = this.#desk;
    const text = message.outcome === "abstained" ? message.text || t("abstain.text") : message.text;
    this.#prose.show(open ? this.#paced(text) : text, { streaming: open, sources: message.sources.map((s) => s.n), base, hosts });
    this.#progress(message, open);
    this.#body.classList.toggle("quote", message.outcome === "extracted");
    this.#lead.textContent = message.outcome === "extracted" ? t("extract.lead") : "";
    const ending = open ? "" : `${message.status} ${message.outcome} ${message.sources.length} ${message.nearest.length}`;
    if (ending !== this.#ending) this.#finish(message, ending);
    this.#rating?.show(message.rating);
  }

  /** Only the newest answer's controls, or those of the one that has the focus, are stops of the Tab key. */
  reachable(yes) {
    if (yes === this.#reachable) return;
    this.#reachable = yes;
    for (const control of this.element.querySelectorAll("a, button, textarea, [tabindex]")) control.tabIndex = yes ? 0 : -1;
  }

  #paced(text) {
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) return text;
    return text.slice(0, Math.max(text.lastIndexOf("\n"), ...[...text.matchAll(/[.!?](?=\s)/g)].map((end) => end.index + 1), 0));
  }

  #progress(message, open) {
    const waiting = open && !this.#body.hasChildNodes();
    this.#stage.hidden = !waiting;
    if (!waiting) {
      clearTimeout(this.#slow);
      this.#slow = 0;
      return;
    }
    const { t } = this.#desk;
    this.#stage.lastChild.textContent = this.#stage.classList.contains("slow") ? t("stage.slow") : stageWords(t, message);
    this.#slow ||= setTimeout(() => {
      this.#stage.classList.add("slow");
      this.#stage.lastChild.textContent = t("stage.slow");
    }, SLOW_MS);
  }

  #chip(n) {
    const source = this.#message.sources.find((s) => s.n === n);
    const name = this.#desk.t("source.name", { n, title: source.title });
    return h("button", { type: "button", class: "chip", part: "chip", "aria-label": name, text: String(n), on: { click: (event) => this.#desk.preview(event.currentTarget, source) } });
  }

  #finish(message, ending) {
    this.#ending = ending;
    this.#rating = null;
    this.#foot.replaceChildren();
    if (!ending) return;
    const { t } = this.#desk;
    this.element.setAttribute("aria-label", `${t("author.assistant")}: ${plain(message.text).slice(0, 80)}`);
    this.element.classList.toggle("failed", message.status === "failed");
    const parts = message.status === "failed" ? this.#failure(message) : this.#endings(message);
    this.#foot.append(...parts.filter(Boolean));
    if (!this.#reachable) {
      this.#reachable = true;
      this.reachable(false);
    }
  }

  #endings(message) {
    const { t } = this.#desk;
    const again = () => this.#desk.again(message.id);
    switch (message.outcome) {
      case "abstained":
        return [this.#nearest(message), this.#buttons(button(t("abstain.rephrase"), () => this.#desk.rephrase(message.id)), this.#human()), ...this.#actions(message)];
      case "extracted":
        return [this.#sources(message), this.#buttons(button(t("extract.retry"), again), this.#human()), ...this.#actions(message), this.#followUps(message)];
      case "stopped":
        return [h("p", { class: "muted", text: t("answer.stopped") }), this.#buttons(button(t("answer.again"), again))];
      case "handed_over":
        return [];
      default:
        return [this.#sources(message), ...this.#actions(message), this.#followUps(message)];
    }
  }

  #failure(message) {
    const { t } = this.#desk;
    const ref = h("p", { class: "muted ref", text: t("error.ref", { ref: message.id.slice(-8).toUpperCase() }) });
    const again = button(t("error.retry"), () => this.#desk.again(message.id));
    return [h("p", { class: "error", text: t("error.text") }), this.#buttons(again, this.#human()), ref];
  }

  #buttons(...buttons) {
    return h("div", { class: "buttons" }, ...buttons);
  }

  #human() {
    return button(this.#desk.t("human.ask"), () => this.#desk.human());
  }

  #nearest({ nearest }) {
    if (!nearest.length) return null;
    const rows = nearest.slice(0, SOURCES_SHOWN).map((near) => this.#row(near));
    return h("section", { class: "sources" }, h("h3", { text: this.#desk.t("abstain.may_help") }), h("ul", { role: "list" }, ...rows));
  }

  /** The sources that the text cites; all of them where it cites none. */
  #sources(message) {
    const { t } = this.#desk;
    const cited = message.sources.filter((source) => new RegExp(`\\[(?:\\d+\\s*,\\s*)*${Number(source.n)}(?:\\s*,\\s*\\d+)*\\]`).test(message.text));
    const sources = cited.length ? cited : message.sources;
    if (!sources.length) return null;
    const list = (some) => h("ul", { role: "list" }, ...some.map((source) => this.#row(source)));
    const rest = sources.slice(SOURCES_SHOWN);
    const more = rest.length ? h("details", {}, h("summary", { text: t("source.more", { n: rest.length }) }), list(rest)) : null;
    return h("section", { class: "sources", part: "sources" }, h("h3", { text: t("source.heading") }), list(sources.slice(0, SOURCES_SHOWN)), more);
  }

  #row({ n, title, url, heading }) {
    const { t, leave } = this.#desk;
    const mark = n ? h("span", { class: "number", "aria-hidden": "true", text: String(n) }) : icon("article");
    const words = h("span", { class: "words" }, h("bdi", { class: "name", text: title }), heading ? h("bdi", { class: "section", text: heading }) : null);
    const href = this.#desk.address(url);
    const spoken = h("span", { class: "spoken", text: `(${t("source.tab")})` });
    return h("li", { part: "source" }, href ? h("a", { href, target: "_blank", rel: "noopener", on: { click: (event) => leave(event, href) } }, mark, words, spoken) : h("span", {}, mark, words));
  }

  #actions(message) {
    const { t, session } = this.#desk;
    this.#rating = new Rating(t, (score, comment) => this.#desk.rate(message.id, score, comment), this.#desk.human);
    const said = h("span", { class: "thanks", role: "status" });
    const copy = iconButton("copy", t("answer.copy"), async () => {
      await navigator.clipboard.writeText(plain(session.transcript.messages.find((m) => m.id === message.id)?.text ?? message.text));
      said.textContent = t("answer.copied");
      setTimeout(() => (said.textContent = ""), 2000);
    });
    return [h("div", { class: "actions", part: "actions" }, this.#rating.group, copy, said), this.#rating.reasons];
  }

  #followUps({ followUps }) {
    if (!followUps.length) return null;
    const buttons = followUps.slice(0, FOLLOW_UPS_SHOWN).map((text) => button(text, () => this.#desk.ask(text), { class: "suggestion", part: "suggestion", dir: "auto" }));
    return h("div", { class: "suggestions" }, h("h3", { text: this.#desk.t("answer.more") }), ...buttons);
  }
}

function stageWords(t, { stage, position, sources }) {
  if (stage === "queued" && position) return t("limit.queue", { n: position });
  if (stage === "writing") return t("stage.write");
  if (sources.length) return t("stage.read", { n: sources.length });
  return stage === "searching" ? t("stage.search") : t("stage.sent");
}
