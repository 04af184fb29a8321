// The top of the panel: title, who answers, menu, close.

import { h, iconButton } from "./dom.js";

export class Header {
  #t;
  #about = h("p", { class: "about", hidden: true });

  /** `actions`: close, begin, human; `privacy` is an address or empty. */
  constructor(t, actions, privacy) {
    this.#t = t;
    this.title = h("h2", { id: "title", part: "title", tabindex: "-1" });
    this.subtitle = h("button", { type: "button", class: "subtitle", "aria-expanded": "false", on: { click: () => this.#tell("about.text") } });
    this.menuButton = iconButton("menu", t("panel.menu"), () => this.#toggle(), { "aria-expanded": "false", "aria-controls": "menu" });
    const shut = iconButton("close", t("panel.close"), actions.close, { part: "close" });
    const items = [
      this.#item("menu.new", actions.begin), this.#item("menu.human", actions.human),
      this.#item("menu.about", () => this.#tell("about.text")), this.#item("menu.keys", () => this.#tell("keys.text")),
      privacy ? h("a", { class: "item", href: privacy, target: "_blank", rel: "noopener", text: t("menu.privacy") }) : null,
    ];
    this.menu = h("div", { id: "menu", class: "menu", hidden: true }, ...items);
    const bar = h("header", { class: "header", part: "header" }, h("div", { class: "titles" }, this.title, this.subtitle), this.menuButton, shut, this.menu);
    this.menu.addEventListener("focusout", (event) => !this.menu.contains(event.relatedTarget) && event.relatedTarget !== this.menuButton && this.closeMenu());
    this.element = h("div", { class: "top" }, bar, this.#about);
  }

  show(heading, agent) {
    this.title.textContent = heading || this.#t("panel.title");
    this.subtitle.textContent = agent?.state === "joined" ? this.#t("panel.agent", { name: agent.name || this.#t("author.team") }) : this.#t("panel.subtitle");
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

  #item(key, act) {
    const click = () => {
      this.menuButton.focus();
      this.closeMenu();
      act();
    };
    return h("button", { type: "button", class: "item", text: this.#t(key), on: { click } });
  }

  #tell(key) {
    const text = this.#t(key);
    const same = this.#about.textContent === text && !this.#about.hidden;
    this.#about.textContent = text;
    this.#about.hidden = same;
    this.subtitle.setAttribute("aria-expanded", String(!same && key === "about.text"));
  }
}
