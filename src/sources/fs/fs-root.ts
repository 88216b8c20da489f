/** The root of an fs source: what may stand as its `uri`, and what is there on this machine. */
import { stat } from "node:fs/promises";
import { normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { type EntryCheck, hasLostBytes, LOST_BYTES, type PlaceProblem } from "../../sdk/index.ts";

const EXAMPLE = "for example /data/research";

/** The absolute path, without trailing slashes and dots; undefined when an error was reported. */
export function rootOf(uri: string, check: EntryCheck): string | undefined {
  const path = uri.startsWith("file:") ? pathOfFileUri(uri) : uri;
  if (path === undefined) {
    check.error("uri", "is no file:// URI of this machine", "write file:///absolute/path or just the path");
    return undefined;
  }
  const problem = problemOf(path);
  if (problem !== undefined) {
    check.error("uri", ...problem);
    return undefined;
  }
  return normalize(path).replace(/\/+$/, "") || "/";
}

/** Bytes that are no UTF-8 stand as U+FFFD in the text of a configuration, and cannot stand in a URI at all. */
function pathOfFileUri(uri: string): string | undefined {
  try {
    return fileURLToPath(uri);
  } catch (error) {
    return error instanceof URIError ? "/\uFFFD" : undefined;
  }
}

function problemOf(path: string): readonly [what: string, cure: string] | undefined {
  if (path.includes("\0")) return ["holds a NUL character", "remove it"];
  if (path.startsWith("~"))
    return ["begins with ~, which is not replaced here", "write the whole path, for example /home/me/data"];
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return ["is no directory", `write an absolute path, ${EXAMPLE}`];
  if (!path.startsWith("/")) return ["is a relative path", `begin it with /, ${EXAMPLE}`];
  return hasLostBytes(path) ? LOST_BYTES : undefined;
}

/** A network file system whose server is away lets a look wait for ever. */
const PATIENCE_MS = 2_000;

type Look = "directory" | "other" | "missing" | "unreadable" | "silent";

async function lookAt(path: string): Promise<Look> {
  const look = stat(path).then(
    (stats): Look => (stats.isDirectory() ? "directory" : "other"),
    (error: NodeJS.ErrnoException): Look =>
      error.code === "ENOENT" || error.code === "ENOTDIR" ? "missing" : "unreadable",
  );
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<Look>((resolve) => {
    timer = setTimeout(() => resolve("silent"), PATIENCE_MS);
  });
  try {
    return await Promise.race([look, silence]);
  } finally {
    clearTimeout(timer);
  }
}

type Trouble = readonly [outcome: PlaceProblem["outcome"], what: string, cure: string];

/** A root that is missing may come later, as a mount does; one that is no directory never starts. */
const TROUBLES: Readonly<Record<Exclude<Look, "directory">, Trouble>> = {
  other: ["refuse", "is no directory", "name the directory that is to be watched"],
  missing: ["wait", "does not exist", "its pipes wait until it does"],
  unreadable: ["wait", "cannot be looked at", "let the agent's user search the folders above it"],
  silent: ["wait", "does not answer", "see whether its file system hangs; its pipes wait for it"],
};

export async function inspectRoot(root: string): Promise<readonly PlaceProblem[]> {
  const look = await lookAt(root);
  if (look === "directory") return [];
  const [outcome, what, cure] = TROUBLES[look];
  return [{ key: "uri", what: `${root} ${what}`, cure, outcome }];
}
