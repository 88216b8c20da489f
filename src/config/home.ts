/** Where the agent lives: `FUSTOR_HOME` for everything, `FUSTOR_CONFIG_DIR` for configuration and logs only. */

import { realpathSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { FustorError } from "../sdk/errors.ts";
import { invalidConfig, startOf } from "../yaml/problem.ts";
import { userText } from "./file-trouble.ts";
import { requireTrusted } from "./trusted-files.ts";

/** Variables as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Every file and folder of a home, as absolute paths. */
export interface HomePaths {
  readonly home: string;
  readonly configDir: string;
  /** The configuration in one file. */
  readonly configFile: string;
  /** The folder of further configuration files. */
  readonly configFolder: string;
  /** What the agent writes itself: pipes that were added while it ran. */
  readonly runtimeConfig: string;
  /** Held while that is changed. */
  readonly runtimeConfigLock: string;
  readonly logFile: string;
  readonly agentId: string;
  /** Where the home was when it was last used. */
  readonly agentHost: string;
  readonly pidFile: string;
  readonly lockFile: string;
  /** The control socket; a home too deep for the kernel's 107 bytes needs another place. */
  readonly socket: string;
  /** What opens the whole status page. */
  readonly consoleToken: string;
  /** What pipes remember between runs. */
  readonly stateDir: string;
  /** Rows that a receiver refuses. */
  readonly deadLetterDir: string;
}

export const RUNTIME_CONFIG = "agent-config.runtime.yaml";

export function homePaths(home: string, configDir: string = home, logDir: string = configDir): HomePaths {
  return {
    home,
    configDir,
    configFile: join(configDir, "agent-config.yaml"),
    configFolder: join(configDir, "agent-config"),
    runtimeConfig: join(configDir, RUNTIME_CONFIG),
    runtimeConfigLock: join(configDir, "agent-config.runtime.lock"),
    logFile: join(logDir, "fustor_agent.log"),
    agentId: join(home, "agent.id"),
    agentHost: join(home, "agent.host"),
    pidFile: join(home, "agent.pid"),
    lockFile: join(home, "agent.lock"),
    socket: join(home, "agent.sock"),
    consoleToken: join(home, "console.token"),
    stateDir: join(home, "state"),
    deadLetterDir: join(home, "dead-letter"),
  };
}

/** The agent's home: `FUSTOR_HOME`, else `~/.fustor`; `~` and symbolic links resolved. It need not exist. */
export function resolveHome(env: Environment, cwd?: string): string {
  return resolveFolder("FUSTOR_HOME", env, cwd) ?? real(join(userHome(env), ".fustor"));
}

/** Where configuration and logs are: `FUSTOR_CONFIG_DIR`, else the home. It need not exist. */
export function resolveConfigDir(env: Environment, home: string, cwd?: string): string {
  return resolveFolder("FUSTOR_CONFIG_DIR", env, cwd) ?? home;
}

/**
 * Creates the home when it is missing, for its owner only. Throws FUSTOR_CONFIG_INVALID for one that others own or may
 * write.
 */
export async function ensureHome(home: string): Promise<void> {
  try {
    await mkdir(dirname(home), { recursive: true });
    await mkdir(home, { mode: 0o700 });
  } catch (error) {
    const existing = await stat(home).catch(() => undefined);
    if (existing?.isDirectory()) {
      requireTrusted([home]);
      return;
    }
    throw new FustorError(
      "FUSTOR_CONFIG_INVALID",
      `${home}: the home cannot be created, set FUSTOR_HOME to a folder of yours`,
      {
        cause: error,
      },
    );
  }
}

/** The working directory; undefined once it was removed. */
export function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/**
 * `HOME`, else what the system's list of users says. A relative one would be another folder with every working
 * directory.
 */
function userHome(env: Environment): string {
  if (env.HOME !== undefined && isAbsolute(env.HOME)) return env.HOME;
  const listed = listedHome();
  if (listed !== undefined && isAbsolute(listed)) return listed;
  const how = env.HOME === undefined ? "is not set" : env.HOME === "" ? "is empty" : "is a relative path";
  throw new FustorError(
    "FUSTOR_CONFIG_INVALID",
    `no home folder is known for ${userText(process.geteuid?.() ?? 0)}: HOME ${how} and the system lists none; set FUSTOR_HOME to a folder for the agent, such as /var/lib/fustor-agent`,
  );
}

function listedHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}

function resolveFolder(name: string, env: Environment, cwd: string | undefined): string | undefined {
  const written = env[name];
  if (written === undefined || written.trim() === "") return undefined;
  if (written.includes("\0") || /^~[^/]/.test(written)) {
    const what = written.includes("\0") ? "holds a NUL character" : "names another user's home by ~";
    const origin = startOf(`environment`);
    throw invalidConfig([{ origin, key: name, what, cure: "write the whole path" }], []);
  }
  const path = written.startsWith("~") ? `${userHome(env)}${written.slice(1)}` : written;
  if (isAbsolute(path)) return real(resolve(path));
  const folder = cwd ?? workingFolder();
  if (folder !== undefined) return real(resolve(folder, path));
  throw new FustorError(
    "FUSTOR_CONFIG_INVALID",
    `${name} is the relative path ${JSON.stringify(path)} and the working directory was removed: write the whole path, or change to a folder that exists`,
  );
}

/** Resolves links as far as the path exists. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(real(parent), basename(path));
  }
}
