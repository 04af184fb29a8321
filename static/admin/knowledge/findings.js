// What was found about an article appears when it is there: looked at again while the article is about to be checked.

const EVERY = 2000; // ms
const FOR = 60_000; // ms; the sweep comes by several times in this

const end = Date.now() + FOR;

// The tab beside the text says how many there are.
function count() {
  const tab = document.getElementById("kb-tab-findings");
  const many = document.querySelectorAll("#kb-findings .kb-finding").length;
  if (tab) tab.textContent = many ? `Findings (${many})` : "Findings";
}

async function look() {
  const shown = document.getElementById("kb-findings");
  count();
  if (!shown || shown.dataset.due !== "true" || Date.now() > end) return;
  if (!document.hidden) {
    try {
      const reply = await fetch(shown.dataset.url, { headers: { Accept: "text/html" } });
      if (!reply.ok) return; // signed out, or deleted: the next page says so
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById("kb-findings");
      if (!fresh) return;
      if (!shown.contains(document.activeElement)) shown.replaceWith(document.adoptNode(fresh));
      if (fresh.dataset.due !== "true") count();
    } catch {
      // The network is away for a moment; the next look tells.
    }
  }
  setTimeout(look, EVERY);
}

look();

// A change of many articles: its page is read again until it has ended.
const progress = document.getElementById("kb-bulk-progress");
if (progress) setTimeout(() => location.reload(), EVERY);
