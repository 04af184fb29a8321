// Shows the widget as the form says it, while it is being filled in; the frame plays it (static/demo/preview.js).

const AFTER_MS = 250;
const MOST_SUGGESTIONS = 4;
const form = document.getElementById("widget_form");
const frame = document.querySelector("#preview iframe");
const language = document.getElementById("preview-language");
const scheme = document.getElementById("preview-scheme");
let later = 0;
let typing = null; // where the focus is to be when the frame has taken it

const field = (name) => {
  const box = form.elements.namedItem(name);
  return box?.type === "checkbox" ? box.checked : (box?.value.trim() ?? "");
};
const ticked = (name) => [...form.querySelectorAll(`input[name="${name}"]`)].filter((box) => box.checked).map((box) => box.value);
const colour = (name) => (/^#[0-9a-f]{6}$/i.test(field(name)) ? field(name) : "");

/** The row as the widget would read it, half-written colours left out. */
function row() {
  const accent = colour("accent");
  return {
    settings: { languages: ticked("languages"), ask_first: ticked("ask_first"), ask_first_required: field("ask_first_required") },
    heading: field("heading"), theme: field("theme"), placement: field("placement"), greeting: field("greeting"),
    accent: accent ? [accent, colour("accent_dark") || accent] : [],
    suggestions: field("suggestions").split("\n").map((one) => one.trim()).filter(Boolean).slice(0, MOST_SUGGESTIONS),
  };
}

function offer() {
  const boxes = [...form.querySelectorAll('input[name="languages"]')];
  const some = boxes.some((box) => box.checked) ? boxes.filter((box) => box.checked) : boxes;
  const before = language.value;
  language.replaceChildren(...some.map((box) => new Option(box.closest("label").textContent.trim(), box.value)));
  if (some.some((box) => box.value === before)) language.value = before;
}

function show() {
  offer();
  frame.contentWindow.postMessage({ preview: { ...row(), language: language.value, scheme: scheme.value } }, location.origin);
}

function soon() {
  clearTimeout(later);
  later = setTimeout(show, AFTER_MS);
}

function hear({ origin, data }) {
  if (origin !== location.origin) return;
  if (data === "preview ready") show();
  if (data === "preview shown" && document.activeElement === frame) typing?.focus({ preventScroll: true });
}

form.addEventListener("input", soon);
form.addEventListener("focusin", (event) => event.target !== frame && (typing = event.target));
for (const choice of [language, scheme]) choice.addEventListener("change", show);
addEventListener("message", hear);
show();
