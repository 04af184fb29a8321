// The status page is read anew in place: the reader's focus and place stay, and only a new summary is announced.

const content = document.querySelector("#content-main");

async function refresh() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, redirect: "error" });
  } catch (error) {
    if (error instanceof TypeError) return; // the server is away: the next time tells
    throw error;
  }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#content-main");
  if (!fresh) return;
  for (const part of ["summary", "note", "groups"]) {
    const before = content.querySelector(`#st-${part}`);
    const after = fresh.querySelector(`#st-${part}`);
    if (before.innerHTML === after.innerHTML || before.contains(document.activeElement)) continue;
    before.className = after.className;
    before.replaceChildren(...after.childNodes);
  }
}

if (content.dataset.refresh) setInterval(refresh, content.dataset.refresh * 1000);
