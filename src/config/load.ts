/** Reads the configuration files of a home; parse.ts makes sense of them. */

import { accessSync, constants } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { type DriverRegistry, knownDrivers } from "../drivers/registry.ts";
import { FustorError } from "../sdk/errors.ts";
import { MAX_TEXT_BYTES } from "../yaml/parse-tree.ts";
import { byPosition, invalidConfig, ProblemLog, type Problems, startOf } from "../yaml/problem.ts";
import { driversNamed } from "./driver-name.ts";
import { loadEnvironment } from "./environment.ts";
import { type Environment, homePaths, resolveConfigDir, resolveHome } from "./home.ts";
import type { AgentConfig } from "./model.ts";
import { type ConfigText, type ConfigTree, parseTrees, readTrees } from "./parse.ts";
import { inspectPlaces } from "./places.ts";
import type { SecretFile, SecretReader } from "./secrets.ts";
import { checkFolder, distrustOfPath, isReadableByAll, readRegularFile, remarkFoldersAbove } from "./trusted-files.ts";

export interface LoadOptions {
  readonly env?: Environment;
  readonly cwd?: string;
  /** Default: those that come with the agent, and those of installed packages that the configuration names. */
  readonly drivers?: DriverRegistry;
  /**
   * Read in place of `agent-config.runtime.yaml`, to see what comes of a change before it is written; null: as if that
   * file were not there.
   */
  readonly runtimeText?: string | null;
}

interface ReadFiles {
  readonly home: string;
  readonly environment: Environment;
  readonly configDir: string;
  readonly trees: readonly ConfigTree[];
}

async function readFiles(options: LoadOptions, problems: ProblemLog): Promise<ReadFiles> {
  const { home, environment, configDir } = placesOf(options, problems);
  if (configDir !== home) checkFolder(configDir, problems);
  const files = await configFiles(configDir, problems, options.runtimeText);
  const { runtimeConfig } = homePaths(configDir);
  const texts = files.flatMap((file) => {
    const isGiven = file === runtimeConfig && typeof options.runtimeText === "string";
    return isGiven ? [{ file, text: options.runtimeText as string }] : readConfig(file, problems);
  });
  return { home, environment, configDir, trees: parseTrees(texts, problems) };
}

/** The files as trees, in order, and what keeps single ones from being read; nothing in them is checked. */
export async function readConfigTrees(
  options: LoadOptions = {},
): Promise<{ readonly trees: readonly ConfigTree[]; readonly problems: ProblemLog }> {
  const problems = new ProblemLog();
  return { trees: (await readFiles(options, problems)).trees, problems };
}

/**
 * The whole configuration: `agent-config.yaml` and `agent-config/*.yaml`, in name order, and
 * `agent-config.runtime.yaml`, as one.
 *
 * Throws FUSTOR_CONFIG_MISSING when there is no file at all, and FUSTOR_CONFIG_INVALID whose message holds every
 * problem of every file, one per line, with `details.problems` and `details.warnings` of type ConfigProblem[]. Writes
 * nothing.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<AgentConfig> {
  const problems = new ProblemLog();
  const { home, environment, configDir, trees } = await readFiles(options, problems);
  if (trees.length === 0 && problems.errors.length === 0) throw missingConfig(configDir);
  const drivers = options.drivers ?? (await driversFor(trees, home, problems));
  const logDir = canWrite(configDir) ? configDir : home;
  const context = { home, configDir, logDir, secrets: secretsOf(environment), drivers };
  const { config, errors, warnings } = readTrees(trees, context, problems);
  if (config === undefined) throw invalidConfig(errors, warnings);
  const places = await inspectPlaces(config, drivers);
  const allWarnings = [...warnings, ...places.warnings].toSorted(byPosition);
  if (places.errors.length > 0) throw invalidConfig(places.errors, allWarnings);
  return { ...config, warnings: allWarnings, unusable: places.unusable };
}

/** Loads code of installed packages only for a driver that does not come with the agent. */
async function driversFor(trees: readonly ConfigTree[], home: string, problems: Problems): Promise<DriverRegistry> {
  const named = driversNamed(trees.flatMap(({ tree }) => tree ?? []));
  if (named.every((driver) => knownDrivers.has(driver))) return knownDrivers;
  const { withInstalled } = await import("../drivers/installed-drivers.ts");
  const { registry, remarks } = await withInstalled(named, { home, distrust: distrustOfPath });
  for (const { what, cure } of remarks) problems.warn({ origin: startOf(home), path: "drivers" }, what, cure);
  return registry;
}

/** The files that `loadConfig` would read now. */
export async function configFilesOf(options: LoadOptions = {}): Promise<readonly string[]> {
  const problems = new ProblemLog();
  return await configFiles(placesOf(options, problems).configDir, problems);
}

/** The folder that `loadConfig` reads, as the environment and `.env` of the home say now. */
export const configDirOf = (options: LoadOptions = {}): string => placesOf(options, new ProblemLog()).configDir;

function placesOf({ env = process.env, cwd }: LoadOptions, problems: ProblemLog) {
  const home = resolveHome(env, cwd);
  const isTrusted = checkFolder(home, problems);
  if (isTrusted) remarkFoldersAbove(home, problems);
  const environment = isTrusted ? loadEnvironment(env, home, problems) : env;
  return { home, environment, configDir: resolveConfigDir(environment, home, cwd) };
}

/** A configuration may come read-only from elsewhere (a ConfigMap, a package): the log then goes to the home. */
function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function missingConfig(configDir: string): FustorError {
  return new FustorError(
    "FUSTOR_CONFIG_MISSING",
    `${configDir}: no configuration (neither agent-config.yaml nor agent-config/*.yaml), run \`fustor-agent init\``,
    { details: { configDir } },
  );
}

const isYaml = (name: string): boolean => /\.ya?ml$/.test(name) && !name.startsWith(".");

const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

async function configFiles(
  configDir: string,
  problems: Problems,
  runtimeText?: string | null,
): Promise<readonly string[]> {
  const { configFolder, runtimeConfig } = homePaths(configDir);
  checkFolder(configFolder, problems);
  const names = await namesIn(configDir, problems);
  const single = names.filter((name) => /^agent-config\.ya?ml$/.test(name));
  const hasRuntime = runtimeText === undefined ? names.includes(basename(runtimeConfig)) : runtimeText !== null;
  const folder = (await namesIn(configFolder, problems)).filter(isYaml);
  return [
    ...single.toSorted(byName).map((name) => join(configDir, name)),
    ...folder.toSorted(byName).map((name) => join(configFolder, name)),
    ...(hasRuntime ? [runtimeConfig] : []),
  ];
}

async function namesIn(folder: string, problems: Problems): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") {
      problems.error(
        { origin: startOf(folder), path: "" },
        `cannot be listed (${code})`,
        "make it a folder you can read",
      );
    }
    return [];
  }
}

function readConfig(file: string, problems: Problems): readonly ConfigText[] {
  const content = readRegularFile(file, MAX_TEXT_BYTES);
  if (content.kind === "unusable") {
    problems.error({ origin: startOf(file), path: "" }, content.reason, "make it a text file you can read");
    return [];
  }
  if (content.distrust !== undefined) {
    problems.error({ origin: startOf(file), path: "" }, content.distrust.what, content.distrust.cure);
    return [];
  }
  // What a full disk leaves of a file that was saved: taken for "no pipes", a reload would stop them all.
  if (content.bytes.byteLength === 0) {
    problems.error({ origin: startOf(file), path: "" }, "is empty (0 bytes)", "save it again, or remove it");
    return [];
  }
  try {
    return [{ file, text: new TextDecoder("utf-8", { fatal: true }).decode(content.bytes) }];
  } catch {
    const line = content.bytes.toString("utf8").split("\uFFFD", 1)[0]?.split("\n") ?? [];
    const origin = { file, line: line.length, column: (line.at(-1)?.length ?? 0) + 1 };
    problems.error({ origin, path: "" }, "is not UTF-8 text", "save the file as UTF-8");
    return [];
  }
}

const MAX_SECRET_BYTES = 64 * 1024;

function secretsOf(environment: Environment): SecretReader {
  return { variable: (name) => environment[name], file: readSecret, isReadableByAll };
}

function readSecret(path: string): SecretFile {
  const content = readRegularFile(path, MAX_SECRET_BYTES);
  if (content.kind === "unusable") return content;
  const { distrust } = content;
  if (distrust !== undefined) return { kind: "unusable", reason: `${distrust.what} (${distrust.cure})` };
  return { kind: "text", text: content.bytes.toString("utf8"), readableByOthers: (content.mode & 0o004) !== 0 };
}
