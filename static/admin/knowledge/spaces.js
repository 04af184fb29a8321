// How far spaces are: looked at again while any of them moves. Where other buttons are due, the page is loaded anew.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector(".kb-spaces[data-moving]");
  if (!page) return;
  const keys = new Map();

  function show(space) {
    const card = document.getElementById(`space-${space.id}`);
    if (!card) return;
    if (keys.has(space.id) && keys.get(space.id) !== space.key && !card.querySelector("details[open]")) {
      location.reload();
      return;
    }
    if (!keys.has(space.id)) keys.set(space.id, space.key);
    const part = (name) => card.querySelector(`[data-part="${name}"]`);
    for (const name of ["text", "size", "trouble"]) {
      if (part(name).textContent !== space[name]) part(name).textContent = space[name];
    }
    part("trouble").hidden = !space.trouble;
    if (part("percent")) part("percent").value = space.percent;
  }

  async function look() {
    let moving = true;
    try {
      const reply = await fetch(page.dataset.url, { headers: { Accept: "application/json" } });
      if (!reply.ok) return; // signed out: the next page says so
      const { spaces } = await reply.json();
      const shown = new Set([...document.querySelectorAll(".kb-space[id]")].map((card) => card.id));
      if (shown.size > 1 && spaces.length !== shown.size) return location.reload();
      spaces.forEach(show);
      moving = spaces.some((space) => space.moving);
    } catch {
      // the server is restarted, or the network is away
    }
    if (moving) setTimeout(look, document.hidden ? 10000 : 2000);
  }

  setTimeout(look, 1000);
});
