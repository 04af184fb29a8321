// A small, safe Markdown: text -> tree of plain objects -> DOM nodes. Nothing is ever parsed as HTML, links go only to
// hosts that are allowed, images are never shown. While an answer streams, what is unfinished is held back.

const DEEPEST_LIST = 3;
const ITEM = /^( {0,3})([-*+]|\d{1,3}[.)])\s+(\S.*)$/;
const HEADING = /^ {0,3}#{1,6}\s+(.+?)\s*#*$/;
const FENCE = /^ {0,3}```/;
const HALF_TABLE = /(^|\n\s*\n)[ \t]*\|[^\n]*[^\s|:-][^\n]*\n[|: \t-]*$/; // a head whose rule is still being written
const RULE = /^\s*\|?\s*:?-{1,}:?\s*(\|\s*:?-{1,}:?\s*)*\|?\s*$/;

/**
 * @param {string} text Markdown as the server sent it so far
 * @param {{streaming?: boolean, sources?: Iterable<number>, base?: string, hosts?: string[]}} options
 *   `sources` are the numbers that `[n]` may cite; `base` is what relative links start from; `hosts` may be linked to
 * @returns blocks, each with the `source` it came from: a block whose source is unchanged need not be drawn again
 */
export function parse(text, { streaming = false, sources = [], base = "", hosts = [] } = {}) {
  const rules = { streaming: false, sources: new Set(sources), base, hosts };
  const shown = streaming ? withoutUnfinished(text) : text;
  const parts = split(shown.split("\n"));
  return parts.map((part, index) => block(part, { ...rules, streaming: streaming && index === parts.length - 1 }, 0));
}

/** The text alone, for the announcer and the clipboard: no marks, no `[n]`. */
export function plain(text) {
  const words = (node) => {
    if (typeof node === "string") return node;
    if (node.type === "cite") return "";
    if (node.type === "break") return " ";
    if (node.type === "code" && node.text) return node.text;
    return (node.rows ?? node.children ?? []).map(words).join(node.type === "row" || node.type === "list" ? " " : "");
  };
  const numbers = [...text.matchAll(/\[(\d{1,2})\]/g)].map((match) => Number(match[1]));
  const said = parse(text, { sources: numbers }).map(words).join("\n");
  return said.replace(/[ \t]+([.,;:!?])/g, "$1").replace(/[ \t]{2,}/g, " ").trim();
}

/** Cut what may still become a marker, a link, emphasis, a table or a list, so that raw signs never flash. */
export function withoutUnfinished(text) {
  const ready = text.replace(HALF_TABLE, "$1");
  const start = ready.lastIndexOf("\n") + 1;
  const before = ready.slice(0, start);
  const last = ready.slice(start);
  if (/^\s*(?:[-*+]|\d{1,3}[.)]?|#{1,6}|>|`{1,3}|\|.*)\s*$/.test(last)) return before;
  const cut = last
    .replace(/!?\[[^[\]]{0,120}(?:\](?:\([^()\s]{0,500})?)?$/, (tail) => (/^\[\d{1,2}\]$/.test(tail) ? tail : ""))
    .replace(/(?:\s*[*_`!]+|\s+)$/, "");
  return before + cut;
}

function split(lines) {
  const parts = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const type = kind(lines, at);
    const end = endOf(type, lines, at);
    parts.push({ type, lines: lines.slice(at, end) });
    at = end;
  }
  return parts;
}

function kind(lines, at) {
  const line = lines[at];
  if (FENCE.test(line)) return "code";
  if (HEADING.test(line)) return "heading";
  if (ITEM.test(line)) return "list";
  if (/^ {0,3}>/.test(line)) return "quote";
  if (line.includes("|") && lines[at + 1]?.includes("-") && RULE.test(lines[at + 1])) return "table";
  return "paragraph";
}

function endOf(type, lines, at) {
  const ends = {
    code: (line) => FENCE.test(line),
    heading: () => true,
    list: (line, index) => (line.trim() ? !ITEM.test(line) && !/^\s{2,}/.test(line) && plainStart(lines, index) : !continues(lines, index)),
    quote: (line) => !/^ {0,3}>/.test(line),
    table: (line) => !line.includes("|"),
    paragraph: (line, index) => !line.trim() || kind(lines, index) !== "paragraph",
  };
  let end = at + 1;
  while (end < lines.length && !ends[type](lines[end], end)) end += 1;
  return type === "code" ? Math.min(end + 1, lines.length) : end;
}

function plainStart(lines, index) {
  return !lines[index - 1].trim() || kind(lines, index) !== "paragraph";
}

function continues(lines, index) {
  const after = lines[index + 1] ?? "";
  return ITEM.test(after) || /^\s{2,}\S/.test(after);
}

function block({ type, lines }, rules, depth) {
  const made = { type, source: lines.join("\n") };
  switch (type) {
    case "code":
      return { ...made, text: lines.slice(1, FENCE.test(lines.at(-1)) && lines.length > 1 ? -1 : undefined).join("\n") };
    case "heading":
      return { ...made, children: inline(HEADING.exec(lines[0])[1], rules) };
    case "quote":
      return { ...made, children: inline(lines.map((line) => line.replace(/^ {0,3}> ?/, "")).join("\n"), rules) };
    case "list":
      return { ...made, ...list(lines, rules, depth) };
    case "table":
      return { ...made, rows: table(lines, rules) };
    default:
      return { ...made, children: inline(lines.map((line) => line.trim()).join("\n"), rules) };
  }
}

function list(lines, rules, depth) {
  const items = [];
  const first = ITEM.exec(lines[0]);
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1].length < first[1].length + 2) items.push([item[3]]);
    else if (line.trim()) items.at(-1).push(line.replace(/^ {1,4}/, ""));
  }
  const children = items.map(([head, ...rest]) => {
    const nested = rest.length && depth + 1 < DEEPEST_LIST ? split(rest).map((part) => block(part, rules, depth + 1)) : [];
    const more = nested.length ? [] : rest;
    return { type: "item", children: [...inline([head, ...more].join("\n"), rules), ...nested] };
  });
  return { ordered: /\d/.test(first[2]), start: parseInt(first[2], 10) || 1, children };
}

function table(lines, rules) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim(), rules));
  const width = cells(lines[0]).length;
  return lines
    .filter((_, index) => index !== 1)
    .map((line, index) => ({
      type: "row",
      head: index === 0,
      children: cells(line).slice(0, width).map((children) => ({ type: "cell", children })),
    }));
}

const MARKS = [
  { pattern: /^`([^`\n]+)`/, make: ([, text]) => ({ type: "code", text }) },
  { pattern: /^!\[([^\]]*)\]\([^()\s]*\)/, make: ([, alt]) => alt },
  { pattern: /^\[([^[\]]+)\]\(<?([^()\s<>]+)>?(?:\s+"[^"]*")?\)/, make: ([, text, url], rules) => link(inline(text, rules), url, rules) },
  { pattern: /^\[(\d{1,2}(?:\s*,\s*\d{1,2})*)\]/, make: ([all, list], rules) => cites(all, list, rules) },
  { pattern: /^https?:\/\/[^\s<>"'()[\]]*[^\s<>"'()[\].,;:!?*_]/, make: ([url], rules) => link([url], url, rules) },
  { pattern: /^\*\*(?=\S)([\s\S]*?\S)\*\*/, make: ([, text], rules) => strong(text, rules) },
  { pattern: /^__(?=\S)([\s\S]*?\S)__(?!\w)/, before: /[\p{L}\p{N}_]$/u, make: ([, text], rules) => strong(text, rules) },
  { pattern: /^\*(?=[^\s*])([^*\n]*[^\s*])\*(?!\*)/, make: ([, text], rules) => em(text, rules) },
  { pattern: /^_(?=[^\s_])([^_\n]*[^\s_])_(?![\p{L}\p{N}])/u, before: /[\p{L}\p{N}_]$/u, make: ([, text], rules) => em(text, rules) },
  { pattern: /^\n/, make: () => ({ type: "break" }) },
  { pattern: /^\\([\\`*_{}[\]()#+.!|>-])/, make: ([, sign]) => sign },
];
const UNCLOSED = [
  { pattern: /^\*\*(?=\S)([\s\S]+)$/, make: ([, text], rules) => strong(text, rules) },
  { pattern: /^\*(?=[^\s*])([^*\n]+)$/, make: ([, text], rules) => em(text, rules) },
  { pattern: /^`([^`\n]+)$/, make: ([, text]) => ({ type: "code", text }) },
];

function inline(text, rules) {
  const nodes = [];
  let said = "";
  const push = (made) => {
    if (typeof made === "string") {
      said += made;
      return;
    }
    if (said) nodes.push(said);
    said = "";
    nodes.push(...[made].flat());
  };
  for (let at = 0; at < text.length; ) {
    const found = /[`!\[*_h\n\\]/.test(text[at]) && match(text.slice(at), text.slice(Math.max(0, at - 1), at), rules);
    push(found ? found.made : text[at]);
    at += found ? found.length : 1;
  }
  if (said) nodes.push(said);
  return nodes;
}

function match(rest, previous, rules) {
  for (const { pattern, before, make } of rules.streaming ? [...MARKS, ...UNCLOSED] : MARKS) {
    const groups = before?.test(previous) ? null : pattern.exec(rest);
    if (groups) return { made: make(groups, rules), length: groups[0].length };
  }
  return null;
}

function strong(text, rules) {
  return { type: "strong", children: inline(text, rules) };
}

function em(text, rules) {
  return { type: "em", children: inline(text, rules) };
}

function cites(all, list, rules) {
  const numbers = list.split(",").map(Number);
  return numbers.every((n) => rules.sources.has(n)) ? numbers.map((n) => ({ type: "cite", n })) : all;
}

function link(children, url, rules) {
  const href = allowed(url, rules.base, rules.hosts);
  return href ? { type: "link", href, children } : children;
}

/** The absolute address if it is http(s) and on a host we may link to, else null; "" is no address. */
export function allowed(url, base, hosts) {
  let address;
  try {
    address = new URL(url, base || undefined);
  } catch {
    return null; // not an address
  }
  const web = url && /^https?:$/.test(address.protocol);
  return web && !address.username && hosts.includes(address.host) ? address.href : null;
}
