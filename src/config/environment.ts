/** `.env` of the home: read into a copy of the environment, never into the process's own. */

import { join } from "node:path";
import { parseEnv } from "node:util";
import { MAX_TEXT_BYTES } from "../yaml/parse-tree.ts";
import { type Problems, startOf } from "../yaml/problem.ts";
import type { Environment } from "./home.ts";
import { isReadableByAll, readRegularFile } from "./trusted-files.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The environment with `.env` of the home filled in; values that are set already win. No other folder is asked: whoever
 * may write into the working directory must not choose what the agent reads and where it sends to. `FUSTOR_HOME` is not
 * taken from the file: it says where the file is.
 */
export function loadEnvironment(env: Environment, home: string, problems: Problems): Environment {
  const own = Object.entries(env).filter(([, value]) => value !== undefined);
  const merged = new Map(own);
  for (const [name, value] of variablesOf(join(home, ".env"), problems)) {
    if (!merged.has(name) && name !== "FUSTOR_HOME") merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

function variablesOf(file: string, problems: Problems): readonly (readonly [string, string])[] {
  const text = readIfThere(file, problems);
  return Object.entries(parseEnv(text)).flatMap(([name, value]) =>
    NAME.test(name) && value !== undefined ? [[name, value] as const] : [],
  );
}

function readIfThere(file: string, problems: Problems): string {
  const at = { origin: startOf(file), path: "" };
  const content = readRegularFile(file, MAX_TEXT_BYTES);
  if (content.kind === "unusable") {
    // A folder of that name is a Python environment, not ours.
    const isAbsent = content.code === undefined || content.code === "ENOENT" || content.code === "ENOTDIR";
    if (!isAbsent) problems.warn(at, content.reason, "let the agent's user read it");
    return "";
  }
  if (content.distrust !== undefined) {
    problems.error(at, content.distrust.what, content.distrust.cure);
    return "";
  }
  if (isReadableByAll(file)) {
    problems.warn(at, "can be read by every user of this machine", `run: chmod 600 ${file}`);
  }
  return content.bytes.toString("utf8");
}
