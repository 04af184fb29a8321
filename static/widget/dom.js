// Elements from data. Text always goes in as text; no attribute here can carry a style or a script.

const ICONS = {
  close: "M6 6l12 12M18 6L6 18",
  menu: "M5 12h.01M12 12h.01M19 12h.01",
  send: "M5 12h13M12 5l7 7-7 7",
  stop: "M7 7h10v10H7z",
  up: "M7 11v9H4v-9zM7 11l4-7c1.7 0 2.5 1.2 2.2 2.6L12.6 10H18a2 2 0 0 1 2 2.4l-1.2 6A2 2 0 0 1 16.8 20H7",
  down: "M17 13V4h3v9zM17 13l-4 7c-1.7 0-2.5-1.2-2.2-2.6l.6-3.4H6a2 2 0 0 1-2-2.4l1.2-6A2 2 0 0 1 7.2 4H17",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  article: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  down_arrow: "M12 5v14M6 13l6 6 6-6",
};

/** h("button", {class, part, text, on: {click}, "aria-label"}, ...children); null children and null values are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon icon-${name}`);
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon and a name of its own. */
export function iconButton(name, label, on, props = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: on }, ...props }, icon(name));
}

export function button(text, on, { class: more = "", ...props } = {}) {
  return h("button", { type: "button", class: `button ${more}`, text, on: { click: on }, ...props });
}
