import assert from "node:assert/strict";
import { test } from "node:test";

import { allowed, parse, plain, withoutUnfinished } from "../../static/widget/markdown.js";

const RULES = { sources: [1, 2], base: "https://help.example", hosts: ["help.example"] };
const bare = (node) => {
  if (typeof node === "string") return node;
  const { source, ...rest } = node;
  for (const key of ["children", "rows"]) if (rest[key]) rest[key] = rest[key].map(bare);
  return rest;
};
const tree = (text, more = {}) => parse(text, { ...RULES, ...more }).map(bare);
const para = (text, more) => tree(text, more)[0].children;
const all = (nodes) => nodes.flatMap((n) => (typeof n === "string" ? [] : [n, ...all(n.children ?? n.rows ?? [])]));

test("the subset that answers use", () => {
  assert.deepEqual(para("Send **it** *now* with `code`."), ["Send ", { type: "strong", children: ["it"] }, " ", { type: "em", children: ["now"] }, " with ", { type: "code", text: "code" }, "."]);
  const [list] = tree("- one\n- two **bold**\n  - deeper");
  assert.deepEqual([list.type, list.ordered, list.children.length], ["list", false, 2]);
  assert.equal(list.children[1].children.at(-1).type, "list");
  assert.deepEqual(tree("3. three\n4. four").map((n) => [n.ordered, n.start, n.children.length]), [[true, 3, 2]]);
  assert.deepEqual(tree("# Head\ntext\n\n> said\n\n```\n<b>x</b>\n```").map((n) => n.type), ["heading", "paragraph", "quote", "code"]);
  const [table] = tree("| Size | Price |\n|---|---|\n| S | 10 |\n| M | 12 |");
  assert.deepEqual([table.type, table.rows.length, table.rows[0].head, table.rows[2].children[1].children], ["table", 3, true, ["12"]]);
});

test("a list right after a paragraph, and text after the list", () => {
  assert.deepEqual(tree("Do this:\n1. one\n2. two\n\nThen wait.").map((n) => n.type), ["paragraph", "list", "paragraph"]);
});

test("markers of known sources become citations, others stay text", () => {
  assert.deepEqual(para("Yes [1][2]."), ["Yes ", { type: "cite", n: 1 }, { type: "cite", n: 2 }, "."]);
  assert.deepEqual(para("Both [1, 2]"), ["Both ", { type: "cite", n: 1 }, { type: "cite", n: 2 }]);
  assert.deepEqual(para("Item [7] of [1, 7]"), ["Item [7] of [1, 7]"]);
});

test("links go to allowed hosts only", () => {
  assert.equal(para("[here](/help/returns/#time)")[0].href, "https://help.example/help/returns/#time");
  assert.equal(para("see https://help.example/help/a/.")[1].href, "https://help.example/help/a/");
  const elsewhere = [
    "[x](https://evil.example/)", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](data:text/html,hi)", "[x](//evil.example)", "[x](https://help.example@evil.example/)",
    "[x](https://user@help.example/)", "[x](vbscript:x)", "https://evil.example/a", "[x](\thttps://evil.example)", "[x](https://help.example.evil.example)", "[x](mailto:a@b.c)", "[x](file:///etc/passwd)",
  ];
  for (const text of elsewhere) assert.deepEqual(all(tree(text)).filter((n) => n.type === "link"), [], text);
  assert.equal(allowed("/a", "", ["help.example"]), null);
  assert.equal(allowed("", RULES.base, RULES.hosts), null);
});

test("markup, images and entities stay text or vanish", () => {
  assert.deepEqual(para('<img src=x onerror="alert(1)"> <b>hi</b> &lt;'), ['<img src=x onerror="alert(1)"> <b>hi</b> &lt;']);
  assert.deepEqual(para("![a pixel](https://evil.example/p.png)"), ["a pixel"]);
});

test("nothing half-written is shown", () => {
  const cases = [
    ["Send it [", "Send it"], ["Send it [1", "Send it"], ["Send it [1]", "Send it [1]"], ["See [our page](https://he", "See"], ["See [our page]", "See"], ["Yes **", "Yes"], ["Yes *", "Yes"],
    ["Use `", "Use"], ["Steps:\n1", "Steps:\n"], ["Steps:\n1.", "Steps:\n"], ["Steps:\n- ", "Steps:\n"], ["A\n#", "A\n"], ["| Size | Pri", ""], ["Wait!", "Wait"], ["Ended.", "Ended."],
  ];
  for (const [text, shown] of cases) assert.equal(withoutUnfinished(text), shown, JSON.stringify(text));
  assert.deepEqual(para("It is **very im", { streaming: true }), ["It is ", { type: "strong", children: ["very im"] }]);
  assert.deepEqual(para("2 * 3 ** 4"), ["2 * 3 ** 4"]);
});

test("while it streams, raw signs never flash and finished blocks never change", () => {
  const text = "Send **it** back [1].\n\n1. Print the [label](/help/label/) [2].\n2. Wait `now`.\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\nDone *well* [1][2].";
  const words = (nodes) => nodes.map((n) => (typeof n === "string" ? n : n.type === "code" ? "" : words(n.children ?? n.rows ?? []))).join("");
  let before = [];
  for (let end = 1; end <= text.length; end += 1) {
    const blocks = parse(text.slice(0, end), { ...RULES, streaming: true });
    assert.doesNotMatch(words(blocks), /[*`[\]|]|\(\//, JSON.stringify(text.slice(0, end)));
    for (const [index, block] of before.slice(0, -1).entries()) assert.equal(blocks[index]?.source, block.source, `block ${index} at ${end}`);
    before = blocks;
  }
  assert.deepEqual(parse(text, RULES).map((b) => b.type), ["paragraph", "list", "table", "paragraph"]);
});

test("plain words carry no marks", () => {
  assert.equal(plain("Send **it** back [1].\n\n- one\n- two"), "Send it back.\none two");
});

test("hostile text ends, quickly, as text", () => {
  const nasty = ["[".repeat(5000), "*".repeat(5000), "**a".repeat(2000), "`".repeat(5000), "> ".repeat(3000), "- ".repeat(3000), "|".repeat(3000) + "\n" + "-|".repeat(3000), "[a](".repeat(2000), "_a".repeat(3000), "\\".repeat(5000)];
  const start = performance.now();
  for (const text of nasty) for (const streaming of [true, false]) assert.ok(Array.isArray(parse(text, { ...RULES, streaming })));
  assert.ok(performance.now() - start < 10_000, "parsing must not explode");
});
