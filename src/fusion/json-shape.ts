/**
 * Judges by its brackets what `JSON.parse` would make of a text, before parsing it: 64 KB of gzip can hold millions of
 * lists, and lists in lists take gigabytes and many seconds.
 */

/** A row lies four levels deep; nothing on the wire needs more than a few of them. */
export const MAX_DEPTH = 32;

/** The shortest row, that of a delete, has 12 bytes. */
const BYTES_PER_CONTAINER = 8;
const FREE_CONTAINERS = 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Why the text must not be parsed; undefined when it may be. For text that is not JSON the result is arbitrary. */
export function shapeProblem(bytes: Uint8Array): string | undefined {
  const mostContainers = FREE_CONTAINERS + bytes.length / BYTES_PER_CONTAINER;
  let depth = 0;
  let containers = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return `lists and objects lie more than ${MAX_DEPTH} deep in each other`;
      if (++containers > mostContainers) return "the body holds nearly nothing but empty lists and objects";
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  return undefined;
}
