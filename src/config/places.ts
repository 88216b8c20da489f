/** Whether what a configuration names is there. Apart from parsing, which reads nothing from the machine. */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { AgentConfig, ConfigProblem, SourceConfig } from "./model.ts";
import type { Place, Problems } from "./problem.ts";

/** A network file system whose server is away lets a look wait for ever; nobody is made to wait longer than this. */
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

/** A root that is missing may come later, as a mount does; one that is no directory never starts. */
function tellRoot(look: Look, { uri }: SourceConfig, at: Place, problems: Problems): void {
  switch (look) {
    case "directory":
      break;
    case "other":
      problems.error(at, `${uri} is no directory`, "name the directory that is to be watched");
      break;
    case "missing":
      problems.warn(at, `${uri} does not exist`, "its pipes wait until it does");
      break;
    case "unreadable":
      problems.warn(at, `${uri} cannot be looked at`, "let the agent's user search the folders above it");
      break;
    case "silent":
      problems.warn(at, `${uri} does not answer`, "see whether its file system hangs; its pipes wait for it");
      break;
  }
}

/** What keeps a file from being the certificates of https, as half a sentence; undefined: nothing. */
function caTrouble(path: string): string | undefined {
  try {
    new X509Certificate(readFileSync(path));
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "does not exist";
    const isFiles = code === "EACCES" || code === "EISDIR" || code === "EPERM";
    return isFiles ? `cannot be read (${code})` : "holds no certificate in PEM form";
  }
}

/** The senders whose `ca_file` is of no use. Their pipes cannot start; the others can, so that this is no problem of the whole. */
export function unusableCaFiles({ senders }: Pick<AgentConfig, "senders">): readonly ConfigProblem[] {
  return [...senders.values()].flatMap(({ id, origin, disabled, driverParams }) => {
    const { ca_file: path } = driverParams;
    const trouble = disabled || typeof path !== "string" ? undefined : caTrouble(path);
    if (trouble === undefined) return [];
    const key = `senders.${id}.driver_params.ca_file`;
    return [
      { origin, key, what: `${path} ${trouble}`, cure: "name a PEM file of certificates that the agent may read" },
    ];
  });
}

/** Looks at the roots of all sources that may run, at once. */
export async function checkPlaces({ sources }: Pick<AgentConfig, "sources">, problems: Problems): Promise<void> {
  const roots = [...sources.values()].filter(({ driver, disabled }) => driver === "fs" && !disabled);
  const looks = await Promise.all(roots.map(({ uri }) => lookAt(uri)));
  for (const [index, source] of roots.entries()) {
    const at = { origin: source.origin, path: `sources.${source.id}.uri` };
    tellRoot(looks[index] ?? "silent", source, at, problems);
  }
}
