// Three forms of the desk. Wide: the text, and beside it a panel with the answers under it. Middle: the text and one
// panel. Narrow: one panel at a time, the text being one of them. What is always shown needs no tab.

const WIDE = matchMedia("(min-width: 1400px)");
const MIDDLE = matchMedia("(min-width: 900px)");
const ALWAYS = { wide: ["kb-write", "kb-ask"], middle: ["kb-write"], narrow: [] };
const KEPT = "kb-tab"; // which tab was open, so that saving comes back to it

export function arrange(editor) {
  const side = editor.querySelector(".kb-side");
  const bar = editor.querySelector('[role="tablist"]');
  const all = [...bar.querySelectorAll('[role="tab"]')];
  const panel = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  // What is wrong is told beside the fields, which a narrow page shows first.
  const wrong = document.querySelector(".errornote") !== null;
  let chosen = wrong ? undefined : all.find((tab) => tab.id === sessionStorage.getItem(KEPT));

  function choose(tab) {
    chosen = tab;
    sessionStorage.setItem(KEPT, tab.id);
    draw();
  }

  function draw() {
    const shape = WIDE.matches ? "wide" : MIDDLE.matches ? "middle" : "narrow";
    editor.dataset.layout = shape;
    const held = bar.contains(document.activeElement) ? document.activeElement : null;
    if (shape === "narrow") editor.prepend(bar);
    else side.prepend(bar);
    const offered = all.filter((tab) => !ALWAYS[shape].includes(panel(tab).id));
    const open = offered.includes(chosen) ? chosen : offered[0];
    for (const tab of all) {
      const there = offered.includes(tab);
      tab.hidden = !there;
      tab.setAttribute("aria-selected", String(tab === open));
      tab.tabIndex = tab === open ? 0 : -1;
      panel(tab).hidden = there && tab !== open;
      if (there) {
        panel(tab).setAttribute("role", "tabpanel");
        panel(tab).setAttribute("aria-labelledby", tab.id);
      } else {
        panel(tab).removeAttribute("role");
        panel(tab).removeAttribute("aria-labelledby");
      }
    }
    if (held) (held.hidden ? open : held).focus();
  }

  for (const tab of all) tab.addEventListener("click", () => choose(tab));
  bar.addEventListener("keydown", (event) => {
    const offered = all.filter((tab) => !tab.hidden);
    const place = offered.indexOf(document.activeElement);
    const last = offered.length - 1;
    const next = { ArrowRight: place + 1, ArrowLeft: place + last, Home: 0, End: last }[event.key];
    if (next === undefined || place < 0) return;
    event.preventDefault();
    choose(offered[next % offered.length]);
    chosen.focus();
  });
  // As high as there is room between its top and the buttons, wherever the page is scrolled to.
  const fit = () => side.style.setProperty("--kb-top", `${Math.max(8, Math.round(editor.getBoundingClientRect().top))}px`);
  for (const moved of ["scroll", "resize"]) window.addEventListener(moved, fit, { passive: true });
  fit();
  WIDE.addEventListener("change", draw);
  MIDDLE.addEventListener("change", draw);
  draw();
}
