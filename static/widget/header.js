// The top of the panel: title, who answers, menu, close.

import { h, iconButton } from "./dom.js";

export class Header {
  #t;
  #about = h("p", { class: "about", hidden: true });

  /** `actions`: close, begin, human, past, download, widen, speak(language); `privacy` is an address or empty. */
  constructor(t, actions, privacy, { spoken, languages }) {
    this.#t = t;
    this.title = h("h2", { id: "title", part: "title", tabindex: "-1" });
    this.subtitle = h("button", { type: "button", class: "subtitle", "aria-expanded": "false", on: { click: () => this.#tell("about.text") } });
    this.menuButton = iconButton("menu", t("panel.menu"), () => this.#toggle(), { "aria-expanded": "false", "aria-controls": "menu" });
    const shut = iconButton("close", t("panel.close"), actions.close, { part: "close" });
    this.record = this.#item("menu.download", actions.download);
    const names = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code);
    const options = languages.map((code) => h("option", { value: code, lang: code, selected: code === spoken, text: names(code) }));
    const items = [
      this.#item("menu.new", actions.begin), this.#item("menu.past", actions.past), this.record, this.#item("menu.human", actions.human),
      this.#item("menu.wide", actions.widen, "item widen"),
      this.#item("menu.about", () => this.#tell("about.text")), this.#item("menu.keys", () => this.#tell("keys.text")),
      privacy ? h("a", { class: "item", href: privacy, target: "_blank", rel: "noopener", text: t("menu.privacy") }) : null,
      options.length > 1 ? h("label", { class: "item" }, t("menu.language"), h("select", { on: { change: (event) => actions.speak(event.target.value) } }, ...options)) : null,
    ];
    this.menu = h("div", { id: "menu", class: "menu", hidden: true }, ...items);
    const bar = h("header", { class: "header", part: "header" }, h("div", { class: "titles" }, this.title, this.subtitle), this.menuButton, shut, this.menu);
    this.menu.addEventListener("focusout", (event) => event.relatedTarget && !this.menu.contains(event.relatedTarget) && event.relatedTarget !== this.menuButton && this.closeMenu());
    this.element = h("div", { class: "top" }, bar, this.#about);
  }

  show(heading, { agent, messages }) {
    this.title.textContent = heading || this.#t("panel.title");
    this.subtitle.textContent = agent?.state === "joined" ? this.#t("panel.agent", { name: agent.name || this.#t("author.team") }) : this.#t("panel.subtitle");
    this.record.hidden = !messages.length;
  }

  /** Put away whatever is unfolded; true if something was. */
  closeMenu() {
    const open = !this.menu.hidden;
    this.menu.hidden = true;
    this.menuButton.setAttribute("aria-expanded", "false");
    return open;
  }

  #toggle() {
    if (this.closeMenu()) return;
    this.menu.hidden = false;
    this.menuButton.setAttribute("aria-expanded", "true");
    this.menu.firstElementChild.focus();
  }

  #item(key, act, more = "item") {
    const click = () => {
      this.menuButton.focus();
      this.closeMenu();
      act();
    };
    return h("button", { type: "button", class: more, text: this.#t(key), on: { click } });
  }

  #tell(key) {
    const text = this.#t(key);
    const same = this.#about.textContent === text && !this.#about.hidden;
    this.#about.textContent = text;
    this.#about.hidden = same;
    this.subtitle.setAttribute("aria-expanded", String(!same && key === "about.text"));
  }
}
