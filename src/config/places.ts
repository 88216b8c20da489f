/** Whether what a configuration names is there. Apart from parsing, which reads nothing from the machine. */

import { stat } from "node:fs/promises";
import type { AgentConfig, SourceConfig } from "./model.ts";
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

/** Looks at the roots of all sources that may run, at once. */
export async function checkPlaces({ sources }: Pick<AgentConfig, "sources">, problems: Problems): Promise<void> {
  const roots = [...sources.values()].filter(({ driver, disabled }) => driver === "fs" && !disabled);
  const looks = await Promise.all(roots.map(({ uri }) => lookAt(uri)));
  for (const [index, source] of roots.entries()) {
    const at = { origin: source.origin, path: `sources.${source.id}.uri` };
    tellRoot(looks[index] ?? "silent", source, at, problems);
  }
}
