/** Keys that anybody may know or find out. */

/** In the documentation, and in the samples that `init` writes. */
const PRINTED = new Set(["PUSH_KEY", "READ_KEY", "YOUR_API_KEY_HERE", "YOUR_READ_KEY_HERE", "a long random text"]);

const LEAST_CHARS = 16;

export const isGuessable = (key: string): boolean => key.length < LEAST_CHARS || PRINTED.has(key);
