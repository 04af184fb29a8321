import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { LANGUAGES, speak, spoken } from "../../static/widget/strings.js";

const FOLDER = new URL("../../static/widget/", import.meta.url);
const source = (name) => readFileSync(new URL(name, FOLDER), "utf8");
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".js"));
const words = Object.fromEntries(await Promise.all(LANGUAGES.map(async (l) => [l, (await import(`../../static/widget/strings/${l}.js`)).default])));

test("every language has every sentence, with the same names to fill in", () => {
  const names = (word) => [...new Set(JSON.stringify(word.other ?? word).match(/\{\w+\}/g))].sort();
  for (const language of LANGUAGES) {
    assert.deepEqual(Object.keys(words[language]), Object.keys(words.en), language);
    for (const [key, word] of Object.entries(words.en)) assert.deepEqual(names(words[language][key]), names(word), `${language} ${key}`);
  }
});

test("every sentence is used, and every one used exists", () => {
  const code = files.map(source).join("\n");
  const used = new Set([...code.matchAll(/"([a-z]+\.[a-z_]+)"/g)].map((match) => match[1]));
  const unused = Object.keys(words.en).filter((key) => !used.has(key));
  assert.deepEqual(unused, []);
  const asked = [...code.matchAll(/\bt\("([a-z._]+)"/g)].map((match) => match[1]);
  assert.deepEqual(asked.filter((key) => !(key in words.en)), []);
});

test("the launcher's own labels are those of the languages", () => {
  for (const language of LANGUAGES) assert.ok(source("support-chat.js").includes(`"${words[language]["launcher.label"]}"`), language);
});

test("languages, plurals and names", async () => {
  assert.deepEqual(["de-AT", "DE", "xx", "", null].map((lang) => spoken(lang)), ["de", "de", "en", "en", "en"]);
  assert.deepEqual([spoken("fr", ["de", "fr"]), spoken("en", ["de", "fr"]), spoken("en", ["xx"])], ["fr", "de", "en"]);
  const t = await speak("en", { "panel.title": "Care" });
  assert.equal(t("panel.title"), "Care");
  assert.equal(t("stage.read", { n: 1 }), "Reading 1 passage");
  assert.equal(t("stage.read", { n: 4 }), "Reading 4 passages");
  assert.equal(t("source.name", { n: 1, title: "{n}" }), "Source 1: {n}");
});

test("no markup is ever made of text, and nothing comes from another host", () => {
  for (const name of files) {
    assert.doesNotMatch(source(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/, name);
    assert.doesNotMatch(source(name).replace("http://www.w3.org/2000/svg", ""), /https?:\/\/[a-z]/, name);
    assert.doesNotMatch(source(name), /outline:\s*(none|0)(?!; \}$)/m, name);
  }
});
