/**
 * Takes secrets out of what the receiver says, should it repeat them: as they are, and in the encodings that programs
 * put texts into.
 */

/** Shorter texts stand in ordinary words: taking them out would garble messages and hide nothing. */
export const LEAST_SECRET_CHARS = 6;

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

const hexOf = (code: number, digits: number): string =>
  [...code.toString(16).padStart(digits, "0")]
    .map((digit) => (/[a-f]/.test(digit) ? `[${digit}${digit.toUpperCase()}]` : digit))
    .join("");

/**
 * Repetitions are bounded, so that no text can make the search slow. One character: itself in either case, or escaped
 * as in a URL (also twice), HTML, JSON or a string of C.
 */
function characterPattern(character: string): string {
  const code = character.charCodeAt(0);
  const cases = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  const forms = [...cases].map(literal);
  return `(?:${[
    `%(?:25){0,3}${hexOf(code, 2)}`,
    `&#0{0,6}${code};`,
    `&#[xX]0{0,6}${hexOf(code, 2)};`,
    `\\\\{1,4}u00${hexOf(code, 2)}`,
    `\\\\{1,4}x${hexOf(code, 2)}`,
    `\\\\{1,4}${literal(character)}`,
    // Last: an escaped percent sign begins with a plain one.
    ...forms,
  ].join("|")})`;
}

/** The hexadecimal digits of all bytes, with or without something between two of them. */
const hexPattern = (secret: string): string =>
  [...Buffer.from(secret, "utf8")].map((byte) => hexOf(byte, 2)).join("[: -]?");

/**
 * In Base64 a text looks different in each of three positions; its first and last characters also hold bits of its
 * neighbours.
 */
function base64Patterns(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, "utf8");
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const core = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    const either = [...core].map((each) => (each === "+" ? "[+-]" : each === "/" ? "[/_]" : each)).join("");
    return `[A-Za-z0-9+/_-]?${either}[A-Za-z0-9+/_-]?={0,2}`;
  });
}

function patternOf(secret: string): RegExp {
  const characters = [...secret].map(characterPattern).join("");
  return new RegExp([characters, hexPattern(secret), ...base64Patterns(secret)].join("|"), "g");
}

/** A function that puts `word` in the place of each secret. Secrets that are too short to be any are left alone. */
export function maskOf(secrets: readonly string[], word: string): (text: string) => string {
  let patterns: readonly RegExp[] | undefined;
  return (text) => {
    patterns ??= secrets.filter((secret) => secret.length >= LEAST_SECRET_CHARS).map(patternOf);
    return patterns.reduce((masked, pattern) => masked.replace(pattern, word), text);
  };
}
