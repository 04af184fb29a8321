// What is told beside the conversation: the bar under the header, plain words for screen readers, events for the page.

import { h } from "./dom.js";
import { plain } from "./markdown.js";

const LOST_AFTER_MS = 3000;
const SPOKEN_MS = 5000;
const LONG_MS = 1000; // a search that is shorter need not be told
const LONGEST_SPOKEN = 600;
const KINDS = { answered: "answer", extracted: "extract", abstained: "abstain" };
const PEOPLE = { joined: "human.joined", left: "human.left", closed: "human.closed", ended: "end.closed" };

export class Notices {
  #t;
  #host;
  #session;
  #announcer;
  #later = 0;
  #searching = 0;
  #asked = new Map(); // reply -> when, to tell how long it took
  element = h("p", { class: "notice", part: "notice", hidden: true });

  constructor(t, host, session, announcer) {
    this.#t = t;
    this.#host = host;
    this.#session = session;
    this.#announcer = announcer;
  }

  /** The bar: one thing at a time, the most pressing. `back` says when the team is there again, if it is away. */
  show(back) {
    const t = this.#t;
    const { state, transcript } = this.#session;
    const { agent, error } = transcript;
    clearTimeout(this.#later);
    let text = "";
    if (state === "offline") text = t("net.offline");
    else if (state === "lost") text = this.#sinceLost(back) ? t("net.lost") : "";
    else if (error?.code === "rate_limited") text = t("limit.rate");
    else if (agent?.state === "waiting") text = t("human.wait");
    else if (back && agent?.state !== "joined") text = t("human.away", { when: back });
    if (this.element.textContent !== text) {
      const again = !text && state === "ready" && this.element.classList.contains("warn");
      if (text || again) this.say(text || t("net.back"));
      this.element.textContent = text;
    }
    this.element.classList.toggle("warn", Boolean(text) && (state === "offline" || state === "lost"));
    this.element.hidden = !text;
  }

  /** Plain words for screen readers; the visible log is never live. */
  say(text) {
    const line = h("p", { text });
    this.#announcer.append(line);
    setTimeout(() => line.remove(), SPOKEN_MS);
  }

  /** What a frame means to those who do not see the panel, and to the page. */
  hear(frame, before) {
    const t = this.#t;
    const { transcript } = this.#session;
    if (frame.type === "accepted") this.#asked.set(frame.reply, performance.now());
    if (frame.type === "stage" && frame.stage === "searching") this.#searching = setTimeout(() => this.say(t("stage.search")), LONG_MS);
    else if (frame.reply) clearTimeout(this.#searching);
    if (frame.type === "done") this.#finished(transcript.messages.find((m) => m.id === frame.reply));
    if (frame.type === "failed") {
      this.say(t("error.text"));
      this.#host.tell("sc-error", { code: frame.code, retryable: Boolean(frame.retry) });
    }
    if (frame.type === "error") this.#host.tell("sc-error", { code: frame.code, retryable: frame.code === "busy" });
    if (frame.type === "agent" && transcript.agent !== before.agent) this.#agent(transcript.agent);
    if (frame.type === "message" && transcript.messages.length > before.messages.length) {
      const said = transcript.messages.at(-1);
      this.say(`${said.author || t("author.team")}: ${plain(said.text)}`);
      this.#news();
    }
  }

  #sinceLost(back) {
    const waited = Date.now() - this.#session.lostAt;
    if (waited >= LOST_AFTER_MS) return true;
    this.#later = setTimeout(() => this.show(back), LOST_AFTER_MS - waited + 10);
    return false;
  }

  #finished(message) {
    if (message?.status !== "done") return;
    const text = plain(message.text) || this.#t("abstain.text");
    const first = text.indexOf("\n") > 0 ? Math.min(text.indexOf("\n"), LONGEST_SPOKEN) : LONGEST_SPOKEN;
    this.say(text.length > LONGEST_SPOKEN ? `${text.slice(0, first)} ${this.#t("answer.long", { n: message.sources.length })}` : text);
    this.#news();
    const ms = Math.round(performance.now() - (this.#asked.get(message.id) ?? performance.now()));
    this.#host.tell("sc-answer", { id: message.id, kind: KINDS[message.outcome] ?? message.outcome, sources: message.sources.length, ms });
  }

  #news() {
    if (!this.#host.open) this.#host.unread += 1;
  }

  #agent(agent) {
    this.#host.tell("sc-human", { status: agent.state });
    const key = PEOPLE[agent.state];
    if (key) this.say(this.#t(key, { name: agent.name || this.#t("author.team") }));
  }
}
