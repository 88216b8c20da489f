/** Which words are shown: those of the browser's language, until the reader chooses others. */
import { Store } from "./store.ts";
import { type Language, WORDS, type Word } from "./words.ts";

const KEY = "fustor-agent-language";

function firstLanguage(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = new Store<Language>(firstLanguage());

const announce = (chosen: Language): void => {
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
};
announce(language.value);

export function chooseLanguage(chosen: Language): void {
  localStorage.setItem(KEY, chosen);
  announce(chosen);
  language.set(chosen);
}

/** The word, with `{0}`, `{1}` replaced. */
export function t(word: Word, ...values: readonly (string | number)[]): string {
  const text = WORDS[language.value][word];
  return values.length === 0 ? text : text.replace(/\{(\d)\}/g, (_, at: string) => String(values[Number(at)] ?? ""));
}

/** A state of the agent, of a pipe, a snapshot, a reload; one that is not known stays as it is. */
export function stateWord(state: string): string {
  const name = state.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const word = `state${name}` as Word;
  return word in WORDS.en ? t(word) : state.replaceAll("_", " ");
}
