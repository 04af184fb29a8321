// <support-chat key="…">: the launcher and the element's public face. The panel is loaded when it is wanted.

const LABELS = { en: "Ask support", de: "Hilfe fragen", fr: "Demander de l'aide", es: "Pedir ayuda", ar: "اسأل الدعم", ja: "サポートに質問" };
const ICON = "M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-8l-5 4v-4H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zM8 9.5h8M8 13h5";

// Pages that shrink their root (62.5%) do not shrink this; readers who enlarge theirs do enlarge it.
const SCALE = Math.max(1, 16 / parseFloat(getComputedStyle(document.documentElement).fontSize));
const sheet = new CSSStyleSheet();
// What is important here is so to the page's own rules too, important ones included; inline, the box is the page's.
sheet.replaceSync(`
:host { --_accent: var(--support-chat-accent, var(--_own, light-dark(#1d4ed8, #8fb4ff))); --_on-accent: var(--_ink, light-dark(#fff, #0b1220));
  --_ring: var(--_link, var(--_accent)); --_block: var(--support-chat-offset-block, 20px); --_inline: var(--support-chat-offset-inline, 20px);
  display: block; }
:host([mode="inline"]) { position: relative; box-sizing: border-box; block-size: var(--support-chat-height, 560px); }
:host(:not([mode="inline"])) { all: initial !important; color-scheme: inherit !important; position: fixed !important; display: block !important;
  z-index: var(--support-chat-z-index, 1000) !important;
  inset-block-end: calc(var(--_block) + env(safe-area-inset-bottom, 0px)) !important; inset-inline: var(--_start, auto) var(--_end, var(--_inline)) !important; }
:host([placement="start"]) { --_start: var(--_inline); --_end: auto; }
:host([theme="light"]) { color-scheme: light !important; }
:host([theme="dark"]) { color-scheme: dark !important; }
:host([hidden]) { display: none !important; }
:host([no-launcher]) .launcher, :host([mode="inline"]) .launcher { display: none; }
.undressed { visibility: hidden; }
.launcher { position: relative; display: grid; place-items: center; inline-size: 3.5rem; block-size: 3.5rem; padding: 0; cursor: pointer;
  border: 1px solid transparent; border-radius: 999px; background: var(--_accent); color: var(--_on-accent); box-shadow: 0 4px 16px rgb(0 0 0 / 0.2);
  transition: transform 120ms ease-out; -webkit-tap-highlight-color: transparent; }
.launcher:hover { transform: scale(1.05); }
.launcher:focus-visible { outline: 3px solid var(--_ring); outline-offset: 3px; }
.launcher svg { inline-size: 1.5rem; block-size: 1.5rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.launcher.covered { opacity: 0; }
.badge { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-inline-size: 1.25rem; padding-inline: 4px; box-sizing: border-box;
  border: 1px solid transparent; border-radius: 999px; background: light-dark(#b42318, #fda29b); color: light-dark(#fff, #3b1512); font: 600 0.75rem/1.25rem system-ui, sans-serif; }
.badge:empty { display: none; }
.spoken { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: reduce) { .launcher { transition: none; } .launcher:hover { transform: none; } }
@media print { .launcher { display: none; } }
`.replace(/[\d.]+(?=rem)/g, (size) => size * SCALE));

const PATIENCE_MS = 3000;
// Properties that mirror an attribute; a value that is not known falls back to the first.
const MIRRORED = [
  ["heading", "heading"], ["privacyHref", "privacy-href"],
  ["mode", "mode", "floating", "inline"], ["placement", "placement", "end", "start"], ["theme", "theme", "auto", "light", "dark"],
];

class SupportChat extends HTMLElement {
  static observedAttributes = ["open", "heading", "theme", "mode"];
  #launcher = document.createElement("button");
  #badge = document.createElement("span");
  #announcer = document.createElement("div");
  #panel = null; // promise of the panel, once wanted
  #ready = null; // the panel, once there
  #reason = "api";
  #unread = 0;
  #told = false;
  #dressed = null; // promise: the row's settings are there, or will not come
  settings = {};

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.#launcher.type = "button";
    this.#launcher.className = "launcher";
    this.#launcher.setAttribute("part", "launcher");
    this.#launcher.setAttribute("aria-haspopup", "dialog");
    const slot = document.createElement("slot");
    slot.name = "launcher-icon";
    slot.append(drawing());
    this.#badge.className = "badge";
    this.#badge.setAttribute("part", "badge");
    this.#badge.setAttribute("aria-hidden", "true");
    this.#launcher.append(slot, this.#badge);
    this.#announcer.className = "spoken";
    this.#announcer.setAttribute("role", "log");
    this.#announcer.setAttribute("aria-live", "polite");
    root.append(this.#launcher, this.#announcer);
    this.#launcher.addEventListener("click", () => this.toggle("user"));
    for (const intent of ["pointerenter", "focus", "touchstart"]) {
      this.#launcher.addEventListener(intent, () => this.panel(), { once: true, passive: true });
    }
  }

  connectedCallback() {
    for (const name of ["open", "key", "noLauncher", "strings", "suggestions", "context", ...MIRRORED.map(([name]) => name)]) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name]; // set before this class was known
      delete this[name];
      this[name] = value;
    }
    this.#label();
    this.#dressed ??= this.#dress();
    document.addEventListener("focusin", this.#uncover, { passive: true });
    if (this.mode === "inline") this.show("restore");
    if (this.open || this.#remembered()) this.panel().then((panel) => (this.open ? panel.show("restore") : panel.attach()));
    if (!this.#told) queueMicrotask(() => this.tell("sc-ready", {}));
    this.#told = true;
  }

  disconnectedCallback() {
    document.removeEventListener("focusin", this.#uncover);
    this.#ready?.detach();
  }

  attributeChangedCallback(name, before, after) {
    if (name === "open" && (before === null) !== (after === null)) this.#switch(after !== null);
    else this.#ready?.refresh();
  }

  /** Wear what the widget's row says; the page's own attributes and properties come first. */
  async #dress() {
    this.#launcher.classList.add("undressed");
    const address = `${this.endpoint}/widget/${encodeURIComponent(this.key)}.json`;
    const read = async () => {
      const answer = await fetch(address, { credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status === 404) console.warn(`support-chat: ${this.endpoint} has no widget “${this.key}”`);
      return answer.ok ? answer.json() : {};
    };
    this.settings = await read().catch(() => ({})); // no line, or a slow one: it looks as it does by itself
    const { accent = [], theme, placement } = this.settings;
    const pair = (at) => `light-dark(${accent.map((one) => one[at])})`;
    const own = new CSSStyleSheet();
    own.replaceSync(`:host { ${accent.length ? `--_own: ${pair(0)}; --_ink: ${pair(1)}` : ""} }
      :host(:not([theme])) { ${theme && theme !== "auto" ? `color-scheme: ${theme} !important` : ""} }
      :host(:not([placement])) { ${placement === "start" ? "--_start: var(--_inline); --_end: auto" : ""} }`);
    this.shadowRoot.adoptedStyleSheets.push(own);
    this.#launcher.classList.remove("undressed");
  }

  get open() { return this.hasAttribute("open"); }
  set open(value) { this.toggleAttribute("open", Boolean(value)); }
  get noLauncher() { return this.hasAttribute("no-launcher"); }
  set noLauncher(value) { this.toggleAttribute("no-launcher", Boolean(value)); }
  get key() { return this.getAttribute("key") || "demo"; }
  set key(value) { this.setAttribute("key", value); }
  get endpoint() { return new URL(this.getAttribute("endpoint") || "/", import.meta.url).origin; }
  set endpoint(value) { this.setAttribute("endpoint", value); }
  /** What the visitor chose, else what the page is written in, else what the browser prefers. */
  get language() { return this.chosen || this.#stored("localStorage").language || this.closest("[lang]")?.lang || navigator.language; }
  get state() { return this.#ready?.state ?? "idle"; }
  get conversationId() { return this.#ready?.conversation ?? null; }
  get unread() { return this.#unread; }
  set unread(count) {
    if (count === this.#unread) return;
    this.#unread = count;
    this.#badge.textContent = count ? String(count) : "";
    this.#label();
    this.tell("sc-unread", { count });
  }

  show(reason = "api") { this.#reason = reason; this.open = true; }
  close(reason = "api") { this.#reason = reason; this.open = false; }
  toggle(reason = "api") { this.#reason = reason; this.open = !this.open; }
  focus() { this.panel().then((panel) => (this.open ? panel.focus() : this.#launcher.focus())); }
  async ask(text) { return (await this.panel()).ask(text); }
  async fill(text) { (await this.panel()).fill(text); }
  async stop() { return (await this.panel()).stop(); }
  async identify(token) { (await this.panel()).identify(token); }
  async reset() { (await this.panel()).reset(); }

  /** The visitor reads another language from now on: the panel is made anew, the conversation stays. */
  async speak(language) {
    this.chosen = language;
    (await this.panel()).leave(language);
    this.#panel = this.#ready = null;
    (await this.panel()).show("user");
  }

  /** Load the panel once; everything but the launcher lives there. */
  panel() {
    this.#panel ??= import("./panel.js").then(async ({ Panel }) => {
      await this.#dressed;
      this.#ready = await Panel.make(this, this.#announcer, this.#launcher);
      this.#label();
      return this.#ready;
    });
    return this.#panel;
  }

  /** Fire an event of ours; false if a listener prevented it. */
  tell(type, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable }));
  }

  async #switch(open) {
    const reason = this.#told ? this.#reason : "restore"; // open in the page's source: nobody has asked for the focus
    this.#reason = "api";
    this.#launcher.setAttribute("aria-expanded", String(open));
    if (open || this.#ready) {
      const panel = await this.panel();
      if (open !== this.open || !this.isConnected) return;
      if (open) panel.show(reason);
      else panel.hide(reason);
    }
    this.tell("sc-toggle", { open, reason });
  }

  #label() {
    const label = this.#ready?.t("launcher.label") ?? LABELS[this.language.slice(0, 2).toLowerCase()] ?? LABELS.en;
    const news = this.#unread ? this.#ready?.t("launcher.unread", { n: this.#unread }) : "";
    this.#launcher.setAttribute("aria-label", news ? `${label}, ${news}` : label);
    this.#launcher.setAttribute("aria-expanded", String(this.open));
  }

  /** A conversation that was open on the last page of this tab goes on; one with an answer under way is fetched. */
  #remembered() {
    const stay = this.#stored("sessionStorage").open && innerWidth >= 640;
    if (stay) this.show("restore");
    return stay || Boolean(this.#stored("localStorage").last_seen);
  }

  #stored(area) {
    try {
      return JSON.parse(globalThis[area].getItem(`support-chat:${this.endpoint.replace(/^http/, "ws")}/ws/chat/${encodeURIComponent(this.key)}/`)) ?? {};
    } catch {
      return {}; // storage is forbidden here: nothing to go on with
    }
  }

  /** A control of the page that lies wholly under the launcher must be seen while it has the focus. */
  #uncover = (event) => {
    const mine = this.#launcher.getBoundingClientRect();
    const other = event.target === this ? null : event.target.getBoundingClientRect?.();
    const hidden = other && other.width > 0 && other.left >= mine.left && other.right <= mine.right && other.top >= mine.top && other.bottom <= mine.bottom;
    this.#launcher.classList.toggle("covered", Boolean(hidden));
    this.#launcher.inert = Boolean(hidden);
  };
}

function drawing() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", ICON);
  svg.append(path);
  return svg;
}

for (const [name, attribute, ...values] of MIRRORED) {
  Object.defineProperty(SupportChat.prototype, name, {
    get() {
      const value = this.getAttribute(attribute) ?? "";
      return !values.length || values.includes(value) ? value : values[0];
    },
    set(value) {
      this.setAttribute(attribute, value);
    },
  });
}

if (!customElements.get("support-chat")) customElements.define("support-chat", SupportChat);
