/**
 * JSON for a terminal: names of files may hold characters that a terminal acts upon (C1 controls) or that turn the line
 * around (marks of the writing direction). As escapes they mean the same to whoever reads JSON.
 */
const ACTIVE = /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu;

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }).join("");

/** Whole lines of JSON; their ends stay. */
export function jsonForTerminal(lines: string | Uint8Array): string {
  const text = typeof lines === "string" ? lines : Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString();
  return text.replace(ACTIVE, escaped);
}
