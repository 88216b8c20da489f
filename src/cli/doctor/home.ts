/** The home: whose it is, who may write it, room on its disk, and what an agent left behind in it. */
import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { type Occupancy, occupancyOf } from "../../agent/process/occupancy.ts";
import { fileTrouble, userText } from "../../config/file-trouble.ts";
import { homePaths } from "../../config/home.ts";
import type { LoggingConfig } from "../../config/model.ts";
import { distrustOfPath, isReadableByAll } from "../../config/trusted-files.ts";
import { describeError } from "../../sdk/index.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

export interface HomeLook {
  readonly home: string;
  readonly configDir: string;
  readonly logging: Pick<LoggingConfig, "dir" | "maxBytes" | "keepFiles">;
}

const isThere = (path: string): boolean => {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
};

/** Rights of what the agent writes itself; those of the configuration are the loader's affair. */
export function rightsFindings({ home, configDir, logging }: HomeLook): readonly Finding[] {
  const paths = homePaths(home, configDir, logging.dir);
  const own = [paths.stateDir, paths.deadLetterDir, paths.agentId, paths.pidFile, paths.lockFile, paths.logFile];
  const there = [home, logging.dir, ...own, paths.consoleToken].filter(isThere);
  const findings = [...new Set(there)].flatMap((path) => [...distrusted(path), ...unusable(path)]);
  if (isReadableByAll(paths.consoleToken)) {
    const what = `${paths.consoleToken} opens the status page and can be read by every user of this machine`;
    findings.push(problem("rights", what, { cure: `chmod 600 ${paths.consoleToken}` }));
  }
  return findings.length > 0 ? findings : [ok("rights", `home, state and log belong to this user alone (${home})`)];
}

function distrusted(path: string): readonly Finding[] {
  const distrust = distrustOfPath(path);
  return distrust === undefined ? [] : [problem("rights", `${path} ${distrust.what}`, { cure: distrust.cure })];
}

function unusable(path: string): readonly Finding[] {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return [];
  } catch (error) {
    const trouble = describeError(fileTrouble(error, path, "read and written"));
    return [problem("rights", trouble, { cure: `give it to the agent's user: chown -R USER ${path}` })];
  }
}

/** What is right for one user says nothing of another. */
export function userFindings(home: string): readonly Finding[] {
  const me = process.geteuid?.() ?? 0;
  try {
    const { uid } = statSync(home);
    if (uid === me) return [];
    const what = `the home belongs to ${userText(uid)}, and this look at it is that of ${userText(me)}`;
    const cure = `setpriv --reuid ${uid} --regid ${uid} --init-groups env FUSTOR_HOME=${home} fustor-agent doctor`;
    return [note("rights", what, { cure })];
  } catch {
    return [];
  }
}

const MEBIBYTE = 1024 * 1024;
const LEAST_BYTES = 32 * MEBIBYTE;
const LEAST_FILES = 64;
const STATE_BYTES = 128 * MEBIBYTE;

const mebibytes = (bytes: number): string => `${Math.floor(bytes / MEBIBYTE).toLocaleString("en-US")} MiB`;

async function roomAt(folder: string, wantedBytes: number, what: string): Promise<readonly Finding[]> {
  const facts = await statfs(folder).catch(() => undefined);
  if (facts === undefined) return [];
  const free = facts.bavail * facts.bsize;
  const room = `${what} (${folder}): ${mebibytes(free)} free`;
  const cure = `make room on the file system of ${folder}: df -h ${folder}; df -i ${folder}`;
  if (facts.files > 0 && facts.ffree < LEAST_FILES) {
    return [problem("space", `${room}, but only ${facts.ffree} inodes: no new file can be made`, { cure })];
  }
  if (free < LEAST_BYTES) return [problem("space", `${room}: state and log cannot be kept for long`, { cure })];
  if (free < wantedBytes)
    return [note("space", `${room}, and up to ${mebibytes(wantedBytes)} may be needed`, { cure })];
  return [ok("space", room)];
}

export async function spaceFindings({ home, logging }: HomeLook): Promise<readonly Finding[]> {
  const logBytes = logging.maxBytes * (logging.keepFiles + 1);
  const [state, log] = await Promise.all([
    roomAt(home, STATE_BYTES, "state"),
    logging.dir === home ? [] : roomAt(logging.dir, logBytes, "log"),
  ]);
  return [...state, ...log];
}

export interface Occupied {
  readonly occupancy: Occupancy;
  readonly findings: readonly Finding[];
}

/** Who has the home, and what stands there although nobody does. */
export async function occupied({ home, configDir, logging }: HomeLook): Promise<Occupied> {
  let occupancy: Occupancy;
  try {
    occupancy = await occupancyOf(home);
  } catch (error) {
    const finding = problem("agent", describeError(error), { cure: "run the doctor as the agent's user" });
    return { occupancy: { kind: "nobody" }, findings: [finding] };
  }
  if (occupancy.kind === "elsewhere") {
    const named = occupancy.named === undefined ? "" : ` (PID ${occupancy.named.pid} there)`;
    const what = `an agent of another container or machine has this home${named}`;
    const cure = "fustor-agent stop, where it runs; two agents need two homes (FUSTOR_HOME)";
    return { occupancy, findings: [note("agent", what, { cure })] };
  }
  if (occupancy.kind === "here") return { occupancy, findings: [] };
  const { pidFile, socket } = homePaths(home, configDir, logging.dir);
  const left = [pidFile, socket].filter(isThere);
  if (left.length === 0) return { occupancy, findings: [note("agent", "no agent runs on this home", startIt)] };
  const what = `no agent runs on this home; one that ended without cleaning up left ${left.join(" and ")} behind`;
  return { occupancy, findings: [note("agent", what, startIt)] };
}

const startIt = { cure: "fustor-agent start -D, or systemctl start fustor-agent; the start replaces what was left" };
