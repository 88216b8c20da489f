import { createHash } from "node:crypto";

const HARMLESS = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * A name for the files of a pipe: its id where that may be a file's name, else a part of it with a digest of the whole.
 */
export function fileNameOf(id: string): string {
  if (HARMLESS.test(id)) return id;
  const digest = createHash("sha256").update(id).digest("hex").slice(0, 16);
  return `${id.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 40)}~${digest}`;
}
