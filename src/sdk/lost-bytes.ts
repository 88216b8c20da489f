/** Paths that are not UTF-8: what cannot be decoded arrives here as U+FFFD, and the bytes it stood for are lost. */

export const hasLostBytes = (path: string): boolean => path.includes("\uFFFD");

/** What is wrong with such a path, and what to do. */
export const LOST_BYTES = [
  "holds bytes that are not UTF-8, which cannot be written here",
  "make a symbolic link to the directory (ln -s DIRECTORY LINK) under a name that is UTF-8, and name the link",
] as const;
