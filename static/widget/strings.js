// The words of the widget in the language of the page.

export const LANGUAGES = ["en", "de", "fr", "es", "ar"];
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

/** The first language we speak of what the page asks for, e.g. "de-AT" -> "de"; English otherwise. */
export function spoken(lang) {
  const base = (lang || "").toLowerCase().split("-")[0];
  return LANGUAGES.includes(base) ? base : "en";
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
