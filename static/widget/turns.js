// The list of what was said: a question begins a turn, and what answers it belongs to the same one.

import { h } from "./dom.js";
import { viewOf } from "./messages.js";

export class Turns {
  #desk;
  #focused;
  #views = new Map(); // key of a message -> its view
  element = h("ol", { class: "turns", role: "list" });

  /** `desk()` gives what a message may use of the panel, `focused()` the element that has the focus. */
  constructor(desk, focused) {
    this.#desk = desk;
    this.#focused = focused;
    this.element.addEventListener("focusin", (event) => this.#reach(event.target.closest("article")));
  }

  /** Draw these messages; true if a person's words came in. */
  show(messages) {
    const keys = new Set(messages.map((m) => m.key));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
    }
    let turn = null;
    let spoke = false;
    for (const message of messages) {
      let view = this.#views.get(message.key);
      if (!view) {
        view = viewOf(message, this.#desk());
        this.#views.set(message.key, view);
        spoke ||= message.role === "agent" && message.live;
      }
      turn = this.#turnOf(view, message, turn);
      view.update(message);
    }
    for (const li of [...this.element.children]) if (!li.hasChildNodes()) li.remove();
    this.#reach(this.#focused()?.closest("article"));
    return spoke;
  }

  /** The turn of the question with this key, if it is drawn. */
  turn(key) {
    return this.#views.get(key)?.element.parentElement;
  }

  get newest() {
    return [...this.element.querySelectorAll("article.answer, article.agent")].at(-1) ?? null;
  }

  /** Arrows, Home and End go from message to message; gives the one to go to, if the key is one of these. */
  step(key, from) {
    const all = [...this.element.querySelectorAll("article")];
    const to = { ArrowUp: all.indexOf(from) - 1, ArrowDown: all.indexOf(from) + 1, Home: 0, End: all.length - 1 }[key];
    return to === undefined ? null : all[Math.min(Math.max(to, 0), all.length - 1)];
  }

  #turnOf(view, message, turn) {
    const begins = message.role === "customer" || !turn;
    let li = view.element.parentElement;
    if (!li) li = begins ? h("li", { class: "turn" }) : turn;
    if (begins && li !== turn) {
      if (turn ? turn.nextElementSibling !== li : this.element.firstElementChild !== li) turn ? turn.after(li) : this.element.prepend(li);
    } else if (!begins && li !== turn) {
      li = turn;
    }
    if (view.element.parentElement !== li) li.append(view.element);
    return li;
  }

  /** Only the controls of the newest answer and of the message that has the focus are stops of the Tab key. */
  #reach(reached) {
    const { newest } = this;
    for (const view of this.#views.values()) view.reachable(view.element === reached || view.element === newest);
  }
}
