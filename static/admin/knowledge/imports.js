// Imports: a run is looked at again every two seconds until it ends; a file that is too large is told before it is sent.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const run = document.getElementById("kb-run");
  if (run && run.dataset.moving === "true") follow(run);
  const file = document.querySelector('input[type="file"][data-most-mb]');
  if (file) file.addEventListener("change", () => refuseTooLarge(file));
});

function follow(run) {
  const label = run.querySelector('[data-part="label"]');
  const text = run.querySelector('[data-part="text"]');
  const bar = run.querySelector("progress");

  async function look() {
    let state;
    try {
      const reply = await fetch(run.dataset.url, { headers: { Accept: "application/json" } });
      if (!reply.ok || reply.redirected) return location.reload(); // signed out, or deleted: the next page says so
      state = await reply.json();
    } catch {
      return lookAgain(5000);
    }
    if (!state.moving) return location.reload();
    label.className = `kb-chip kb-${state.kind}`;
    if (label.textContent !== state.label) label.textContent = state.label;
    if (text.textContent !== state.text) text.textContent = state.text;
    if (state.most) {
      bar.max = state.most;
      bar.value = state.value;
    } else {
      bar.removeAttribute("value");
    }
    lookAgain(2000);
  }

  function lookAgain(milliseconds) {
    setTimeout(look, document.hidden ? 10000 : milliseconds);
  }

  lookAgain(1000);
}

function refuseTooLarge(input) {
  const most = Number(input.dataset.mostMb);
  const chosen = input.files[0];
  const tooLarge = chosen && chosen.size > most * 1024 * 1024;
  input.setCustomValidity(
    tooLarge ? `The file has ${Math.ceil(chosen.size / 1048576)} MB; ${most} MB is the most. Divide it.` : "",
  );
  input.reportValidity();
}
