/** What others wrote is shown cut short and on one line: nobody fills our log, or writes lines of his own into it. */

/** Characters of foreign text in one log line or message. */
export const MAX_EXCERPT_CHARS = 200;

export function excerpt(text: string, maxChars: number = MAX_EXCERPT_CHARS): string {
  // Spaces collapse first, so that no long gap pushes the text out; only so much is looked at.
  const line = text
    .slice(0, maxChars * 32)
    .replace(/[\s\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .trim();
  const chars = [...line];
  return chars.length <= maxChars ? line : `${chars.slice(0, maxChars - 1).join("")}…`;
}
