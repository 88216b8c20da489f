/** The certificates that alone are trusted for https: a PEM file that the configuration names. */
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { PlaceProblem } from "../driver.ts";

/** The text itself. Throws when it holds no certificate. */
export function pemOf(text: string): string {
  new X509Certificate(text);
  return text;
}

class NoFile extends Error {}

/** The text of the file. Throws when it cannot be read or holds no certificate. */
export function readCaFile(path: string): string {
  // To open a named pipe would wait for a writer.
  if (!statSync(path).isFile()) throw new NoFile(path);
  return pemOf(readFileSync(path, "utf8"));
}

/** What keeps a file from being of use, as half a sentence. */
export function troubleOf(error: unknown): string {
  if (error instanceof NoFile) return "is no file";
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "does not exist";
  // Node's own errors about a certificate have codes, too; those of the system have a number.
  const isSystems = (error as NodeJS.ErrnoException).errno !== undefined;
  return isSystems ? `cannot be read (${code})` : "holds no certificate in PEM form";
}

export const CA_CURE = "name a PEM file of certificates that the agent may read";

export function inspectCaFile(path: string | undefined): readonly PlaceProblem[] {
  if (path === undefined) return [];
  try {
    readCaFile(path);
    return [];
  } catch (error) {
    return [{ key: "driver_params.ca_file", what: `${path} ${troubleOf(error)}`, cure: CA_CURE, outcome: "fail" }];
  }
}
