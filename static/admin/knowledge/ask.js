// "Ask with this draft": the answer as the widget would give it, the verdict on this article, and the passages found.

import { h } from "../../widget/dom.js";
import { Prose } from "../../widget/prose.js";
import { keepQuestions } from "./ask_questions.js";

const STAGES = { searching: "Searching articles", writing: "Writing" };
const NO_ARTICLE = "00000000-0000-0000-0000-000000000000"; // stands in the address for any
const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 2, minimumFractionDigits: 2 });

export function ask(editor, body) {
  const pane = document.getElementById("kb-ask");
  const part = (name) => document.getElementById(`kb-${name}`);
  const [question, verdict, outcome, ranking] = ["question", "verdict", "outcome", "ranking"].map(part);
  const token = body.form.querySelector('[name="csrfmiddlewaretoken"]').value;
  const versions = [...part("version").querySelectorAll("input")];
  const questions = keepQuestions(pane, token);
  let running = null;
  let answer = null;

  editor.addEventListener("kb-kept", ({ detail }) => {
    pane.dataset.article = detail.article;
    pane.dataset.questionsUrl = detail.questions;
  });
  part("ask-button").addEventListener("click", start);
  part("stop-button").addEventListener("click", () => running?.abort());
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    start();
  });
  for (const version of versions) {
    version.addEventListener("change", () => {
      for (const other of versions) other.checked = other === version;
    });
  }

  async function start() {
    if (running || !question.value.trim()) {
      if (!running) question.focus();
      return;
    }
    running = new AbortController();
    clear();
    busy(true);
    try {
      await listen(await send());
    } catch (error) {
      if (error.name === "AbortError") say("Stopped.");
      else say(error instanceof Refusal ? error.message : "The server does not answer. Your text is still here.", "bad");
    } finally {
      running = null;
      busy(false);
    }
  }

  function send() {
    const words = new FormData();
    const field = (name) => body.form.elements.namedItem(name)?.value ?? "";
    words.set("question", question.value);
    words.set("version", versions.find((version) => version.checked).value);
    words.set("asker", part("asker").value);
    words.set("article", pane.dataset.article);
    for (const name of ["title", "body", "language", "audience"]) words.set(name, field(name));
    return fetch(pane.dataset.url, { method: "POST", body: words, headers: { "X-CSRFToken": token }, signal: running.signal });
  }

  async function listen(reply) {
    if (!reply.ok) throw new Refusal((await reply.json().catch(() => ({}))).error ?? "The question was refused. Reload the page and ask again.");
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) take(JSON.parse(line));
    }
    if (!answer.over) say("The answer broke off. Ask again.", "bad");
  }

  function take(event) {
    switch (event.type) {
      case "stage":
        if (!answer.ranked) say(`${STAGES[event.name] ?? event.name}…`);
        break;
      case "ranking":
        answer.ranked = true;
        say(event.verdict.text + (event.degraded ? ` (${event.degraded}: by words alone)` : ""), event.verdict.good ? "good" : "bad");
        rank(event.passages);
        break;
      case "sources":
        answer.sources = event.sources;
        break;
      case "words":
        answer.text += event.text;
        draw(true);
        break;
      case "restart":
        answer.text = "";
        draw(true);
        break;
      case "end":
        answer.over = true;
        end(event);
        break;
      case "failed":
        answer.over = true;
        say(event.text, "bad");
    }
  }

  function clear() {
    part("prose").replaceChildren();
    part("sources").replaceChildren();
    ranking.querySelector("tbody").replaceChildren();
    outcome.textContent = "";
    part("keep-button").hidden = part("answer").hidden = ranking.hidden = true;
    const prose = new Prose(part("prose"), { cite, leave: () => {} });
    answer = { prose, text: "", sources: [], ranked: false, over: false };
  }

  const cite = (n) => h("a", { href: `#kb-source-${n}`, class: "kb-cite", "aria-label": `Source ${n}` }, `[${n}]`);

  function draw(streaming) {
    part("answer").hidden = false;
    const sources = answer.sources.map(({ n }) => n);
    answer.prose.show(answer.text, { streaming, sources, base: location.href, hosts: [location.host] });
  }

  function end(event) {
    draw(false);
    const cited = answer.sources.filter(({ n }) => event.cited.includes(n));
    part("sources").replaceChildren(...cited.map(source));
    const times = [event.ms.searched && `searched in ${time(event.ms.searched)}`, event.ms.first && `first word after ${time(event.ms.first)}`, `all after ${time(event.ms.total)}`];
    const sure = event.sure === null ? null : `certainty of the search ${NUMBER.format(event.sure)}`;
    const near = event.nearest.length ? `nearest: ${event.nearest.join(", ")}` : null;
    const told = event.reason && event.reason !== event.outcome.toLowerCase();
    const reason = told ? `${event.outcome} (${event.reason})` : event.outcome;
    outcome.textContent = [reason, ...times, sure, near, event.model].filter(Boolean).join(" · ");
    for (const row of ranking.querySelectorAll("tr[data-given]")) {
      if (event.cited.includes(Number(row.dataset.given))) row.querySelector("p").before(h("span", { class: "kb-chip kb-live" }, "cited"));
    }
    questions.offer(question.value);
  }

  function source({ n, title, heading, url }) {
    const words = heading ? `${title}: ${heading}` : title;
    const name = url ? h("a", { href: url, target: "_blank", rel: "noopener" }, words) : h("span", {}, words);
    return h("li", { id: `kb-source-${n}`, value: n }, name);
  }

  function rank(passages) {
    ranking.hidden = !passages.length;
    const rows = passages.map((passage, place) => {
      const score = (name, value) => h("td", { class: "kb-score", "data-name": name }, value === null ? "–" : NUMBER.format(value));
      const title = passage.article
        ? h("a", { href: pane.dataset.change.replace(NO_ARTICLE, passage.article), target: "_blank", rel: "noopener" }, passage.title)
        : h("span", {}, passage.title);
      return h(
        "tr", { class: passage.own ? "kb-own" : null, "data-given": passage.n || null },
        h("td", {}, String(place + 1)),
        h("td", { class: "kb-place" },
          h("strong", {}, title, passage.heading ? ` › ${passage.heading}` : ""), " ",
          passage.own ? h("span", { class: "kb-chip kb-moving" }, "this article") : null, " ",
          passage.n ? h("span", { class: "kb-chip" }, "read") : null, " ",
          h("p", { dir: "auto" }, passage.text)),
        score("meaning", passage.meaning), score("words", passage.words), score("together", passage.together),
      );
    });
    ranking.querySelector("tbody").replaceChildren(...rows);
  }

  function say(words, kind = "") {
    verdict.textContent = words;
    verdict.dataset.kind = kind;
  }

  function busy(on) {
    const [shown, gone] = on ? [part("stop-button"), part("ask-button")] : [part("ask-button"), part("stop-button")];
    const held = document.activeElement === gone;
    shown.hidden = false;
    if (held) shown.focus();
    gone.hidden = true;
    pane.setAttribute("aria-busy", String(on));
  }
}

const time = (ms) => `${NUMBER.format(ms / 1000)} s`;

class Refusal extends Error {}
