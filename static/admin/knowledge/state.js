// The state of an article's index: looked at again every second while it moves, and left alone when it rests.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const line = document.getElementById("kb-state");
  if (!line) return;
  const label = line.querySelector('[data-part="label"]');
  const text = line.querySelector('[data-part="text"]');
  const deadline = Date.now() + 10 * 60 * 1000;

  async function look() {
    let state;
    try {
      const reply = await fetch(line.dataset.url, { headers: { Accept: "application/json" } });
      if (!reply.ok) return; // signed out, or deleted: the next page says so
      state = await reply.json();
    } catch {
      return lookAgain(5000);
    }
    label.className = `kb-chip kb-${state.kind}`;
    if (label.textContent !== state.label) label.textContent = state.label;
    if (text.textContent !== state.text) text.textContent = state.text;
    if (state.moving) lookAgain(1000);
  }

  function lookAgain(milliseconds) {
    if (Date.now() < deadline) setTimeout(look, document.hidden ? 5000 : milliseconds);
  }

  if (line.dataset.moving === "true") lookAgain(300);
});
