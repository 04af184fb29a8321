// What is pasted from a web page or a document becomes Markdown: our own walk over a parsed copy that nothing runs in.

import { insert } from "./editor_toolbar.js";

const MAX_HTML = 2_000_000;
const MARKED = "a[href],strong,b,em,i,h1,h2,h3,h4,h5,h6,ul,ol,table,code,pre,blockquote"; // else plain text will do
const LEFT_OUT = new Set([
  "SCRIPT", "STYLE", "DATA-STYLE", "HEAD", "META", "LINK", "TITLE", "IFRAME", "OBJECT", "EMBED", "SVG", "svg", "TEMPLATE", "NOSCRIPT",
  "IMG", "PICTURE", "VIDEO", "AUDIO", "CANVAS", "BUTTON", "INPUT", "SELECT", "TEXTAREA",
]);
const BLOCKS = new Set([
  "ADDRESS", "ARTICLE", "ASIDE", "BLOCKQUOTE", "BODY", "DD", "DETAILS", "DIV", "DL", "DT", "FIELDSET", "FIGCAPTION", "FIGURE",
  "FOOTER", "FORM", "H1", "H2", "H3", "H4", "H5", "H6", "HEADER", "HR", "LI", "MAIN", "NAV", "OL", "P", "PRE", "SECTION",
  "SUMMARY", "TABLE", "UL",
]);
const NOT_BOLD = /font-weight:\s*(?:normal|400)/i; // some documents are wrapped in such a <b>
const ADDRESS = /^(?:https?:\/\/|mailto:|tel:|\/(?!\/)|#)/i;
const UNSAFE_IN_ADDRESS = /[\s()<>\\]/g;

export function pasteAsMarkdown(body) {
  body.addEventListener("paste", (event) => {
    const html = event.clipboardData?.getData("text/html") ?? "";
    if (!html || html.length > MAX_HTML) return;
    const text = toMarkdown(html);
    if (!text) return;
    event.preventDefault();
    insert(body, text);
  });
}

/** Markdown of a piece of HTML; "" if it has no marks that plain text would lose. */
export function toMarkdown(html) {
  const page = new DOMParser().parseFromString(withoutStyle(html), "text/html");
  if (!page.body.querySelector(MARKED)) return "";
  return blocks(page.body).join("\n\n");
}

/** No style or handler of it would be applied, but the page's security policy would complain of each. */
function withoutStyle(html) {
  return html
    .replace(/<(\/?)style\b/gi, "<$1data-style")
    .replace(/<[a-z][^<>]*>/gi, (tag) => tag.replace(/\s(style|on[a-z]+)\s*=/gi, " data-$1="));
}

function blocks(node) {
  const made = [];
  let run = [];
  const endRun = () => {
    const text = tidy(run.map(inline).join(""));
    if (text) made.push(text.replace(/^(#{1,6}\s|[-+>]\s|\d{1,9}[.)]\s)/gm, "\\$1"));
    run = [];
  };
  for (const child of node.childNodes) {
    if (isBlock(child) || (child.nodeType === Node.ELEMENT_NODE && holdsBlocks(child))) {
      endRun();
      made.push(...block(child).filter(Boolean));
    } else run.push(child);
  }
  endRun();
  return made;
}

const isBlock = (node) => BLOCKS.has(node.nodeName) && !LEFT_OUT.has(node.nodeName);
const holdsBlocks = (node) => !LEFT_OUT.has(node.nodeName) && [...node.children].some((child) => isBlock(child) || holdsBlocks(child));

function block(node) {
  switch (node.nodeName) {
    case "H1": case "H2": case "H3": case "H4": case "H5": case "H6": {
      const text = tidy(inside(node)).replace(/\s*\n\s*/g, " ");
      return [text && `${"#".repeat(Number(node.nodeName[1]))} ${text}`];
    }
    case "PRE":
      return [fenced(node.textContent.replace(/^\n|\s+$/g, ""))];
    case "BLOCKQUOTE":
      return [blocks(node).join("\n\n").replace(/^/gm, "> ").replace(/^> $/gm, ">")];
    case "UL": case "OL":
      return [list(node)];
    case "TABLE":
      return [table(node)];
    case "HR":
      return ["---"];
    default:
      return blocks(node);
  }
}

function fenced(text) {
  if (!text) return "";
  const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((run) => run[0].length + 1)));
  return `${fence}\n${text}\n${fence}`;
}

function list(node) {
  const ordered = node.nodeName === "OL";
  let number = Math.max(0, parseInt(node.getAttribute("start"), 10) || 1);
  const items = [];
  for (const child of node.children) {
    if (LEFT_OUT.has(child.nodeName)) continue;
    const text = blocks(child).join("\n").trim();
    if (!text) continue;
    if (child.nodeName === "UL" || child.nodeName === "OL") {
      items.push(text.replace(/^/gm, "   ")); // some editors put a list beside the item that it belongs to
      continue;
    }
    const mark = ordered ? `${number++}. ` : "- ";
    items.push(mark + text.replace(/\n(?=.)/g, `\n${" ".repeat(mark.length)}`));
  }
  return items.join("\n");
}

function table(node) {
  const rows = [...node.rows].map((row) => [...row.cells].map((cell) => tidy(inside(cell)).replace(/\s*\n\s*/g, " ").replace(/\|/g, "\\|")));
  const width = Math.max(0, ...rows.map((row) => row.length));
  if (!width) return "";
  const written = rows.map((row) => `| ${[...row, ...Array(width - row.length).fill("")].join(" | ")} |`);
  return [written[0], `|${"---|".repeat(width)}`, ...written.slice(1)].join("\n");
}

const inside = (node) => [...node.childNodes].map(inline).join("");

function inline(node) {
  if (node.nodeType === Node.TEXT_NODE) return escaped(node.data.replace(/[\s\u00a0]+/g, " "));
  if (node.nodeType !== Node.ELEMENT_NODE || LEFT_OUT.has(node.nodeName)) return "";
  switch (node.nodeName) {
    case "BR":
      return "\n";
    case "STRONG": case "B":
      return NOT_BOLD.test(node.dataset.style) ? inside(node) : marked("**", inside(node));
    case "EM": case "I":
      return marked("*", inside(node));
    case "CODE": case "KBD": case "SAMP":
      return code(node.textContent);
    case "A":
      return link(node);
    default:
      return isBlock(node) ? ` ${inside(node)} ` : inside(node);
  }
}

function marked(sign, text) {
  const [, before, core, after] = /^(\s*)([\s\S]*?)(\s*)$/.exec(text);
  return core ? `${before}${sign}${core}${sign}${after}` : text;
}

function code(text) {
  if (!text.trim()) return text;
  const fence = "`".repeat(Math.max(0, ...[...text.matchAll(/`+/g)].map((run) => run[0].length)) + 1);
  const pad = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${fence}${pad}${text.replace(/\s+/g, " ")}${pad}${fence}`;
}

function link(node) {
  const text = inside(node);
  const address = node.getAttribute("href") ?? "";
  if (!ADDRESS.test(address) || !text.trim()) return text;
  const safe = address.replace(UNSAFE_IN_ADDRESS, (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `[${text.trim().replace(/\n/g, " ")}](${safe})`;
}

const escaped = (text) => text.replace(/[\\`*[\]<]/g, "\\$&").replace(/(^|[^\w])_|_(?=[^\w]|$)/g, (found) => found.replace("_", "\\_"));

const tidy = (text) => text.replace(/[ \t]*\n[ \t]*/g, "\n").replace(/[ \t]{2,}/g, " ").trim();
