/** What was written with placeholders, noted while an entry is read. */
import type { Written } from "./model.ts";
import type { SecretReader } from "./secrets.ts";

export function notingPlaceholders(reader: SecretReader): {
  readonly secrets: SecretReader;
  readonly written: Written[];
} {
  const written: Written[] = [];
  const onReplaced = (text: string, value: string): void => void written.push({ text, value });
  return { secrets: { ...reader, onReplaced }, written };
}

/** Of a key whose text held placeholders. */
export function noteExpanded(
  written: Written[],
  key: string,
  text: string | undefined,
  value: string | undefined,
): void {
  if (text !== undefined && value !== undefined && text !== value) written.push({ key, text, value });
}

/** Shorter values are parts of nearly every text. */
const SHORTEST_PART = 3;

/** A text of the entry with placeholders in the place of what they stand for. */
export function asWritten(value: string, written: readonly Written[]): string {
  const whole = written.find((each) => each.value === value);
  if (whole !== undefined) return whole.text;
  const longest = written.filter(({ value: part }) => part.length >= SHORTEST_PART).sort(byLength);
  return longest.reduce((text, { value: part, text: placeholder }) => text.replaceAll(part, () => placeholder), value);
}

const byLength = (one: Written, other: Written): number => other.value.length - one.value.length;
