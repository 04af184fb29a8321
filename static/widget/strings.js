// The words of the widget in the language of the page.

export const LANGUAGES = ["en", "de", "es", "fr", "ar", "ja"];
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

/** Those that a visitor may choose from: what the widget's row names, or all. */
export function offered(named) {
  const some = (named ?? []).filter((one) => LANGUAGES.includes(one));
  return some.length ? some : LANGUAGES;
}

/** The language to speak where `lang` is asked for, e.g. "de-AT" -> "de"; the first of those that are offered otherwise. */
export function spoken(lang, named) {
  const base = (lang || "").toLowerCase().split("-")[0];
  const some = offered(named);
  return some.includes(base) ? base : some[0];
}

export function direction(lang) {
  return RIGHT_TO_LEFT.includes(lang) ? "rtl" : "ltr";
}

/** Gives `t(key, values)`: a sentence with its `{names}` filled in, in the plural form that `values.n` asks for. */
export async function speak(lang, overrides = {}) {
  const words = { ...(await import(`./strings/${lang}.js`)).default, ...overrides };
  const plural = new Intl.PluralRules(lang);
  return (key, values = {}) => {
    const word = words[key] ?? key;
    const form = typeof word === "string" ? word : (word[plural.select(values.n)] ?? word.other);
    return form.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  };
}
