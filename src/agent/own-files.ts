/**
 * What every source must leave out, so that the agent never reports its own doings to itself.
 *
 * Exact absolute paths and nothing wider: a log folder such as /var/log may well be part of what is watched, so only
 * our file in it is left out; the home is ours as a whole, unless what is watched lies inside it.
 */
import { realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { homePaths } from "../config/home.ts";
import type { AgentConfig } from "../config/model.ts";

const PATIENCE_MS = 2000;

const contains = (folder: string, path: string): boolean => {
  const way = relative(folder, path);
  return way === "" || (!way.startsWith("../") && way !== "..");
};

/** What says where our files are. */
export type OwnPlaces = Pick<AgentConfig, "home" | "configDir"> & {
  readonly logging: Pick<AgentConfig["logging"], "dir" | "keepFiles">;
};

/** The log and those that were it before. */
const logFiles = (logFile: string, keepFiles: number): readonly string[] => [
  logFile,
  ...Array.from({ length: keepFiles }, (_, age) => `${logFile}.${age + 1}`),
];

/** Everything we write or read below the home and elsewhere, for a root that is a real path (no links in it). */
export function ownPaths(config: OwnPlaces, root: string): readonly string[] {
  const paths = homePaths(config.home, config.configDir, config.logging.dir);
  const single = [
    paths.agentId,
    paths.agentHost,
    paths.pidFile,
    paths.lockFile,
    paths.socket,
    `${paths.socket}.path`,
    paths.consoleToken,
    paths.stateDir,
    paths.deadLetterDir,
    ...logFiles(paths.logFile, config.logging.keepFiles),
    paths.configFile,
    paths.configFolder,
    paths.runtimeConfig,
    paths.runtimeConfigLock,
  ];
  const home = contains(paths.home, root) ? [] : [paths.home];
  return [...new Set([...home, ...single])];
}

/**
 * The same paths as the source will meet them: below `root` as it is written, which may be or hold a symbolic link. A
 * root that is not there yet is taken as it is written.
 */
export async function excludedPaths(config: OwnPlaces, root: string): Promise<readonly string[]> {
  // Not for ever: the root's file system may not answer.
  const late = pause(PATIENCE_MS, root, { ref: false });
  const real = await Promise.race([realpath(root).catch(() => root), late]);
  const own = ownPaths(config, real);
  if (real === root) return own;
  const seenThroughLink = own.filter((path) => contains(real, path)).map((path) => join(root, relative(real, path)));
  return [...new Set([...own, ...seenThroughLink])];
}
