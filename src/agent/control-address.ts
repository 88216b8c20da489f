/**
 * Where the control socket lies: `$HOME/agent.sock`, or, when that path is longer than a socket address may be, in a private
 * folder elsewhere that `agent.sock.path` in the home names.
 */
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeDurably } from "./durable-file.ts";

/** `sun_path` holds 108 bytes with the closing NUL. */
export const SOCKET_PATH_BYTES = 107;

const fits = (path: string): boolean => Buffer.byteLength(path) <= SOCKET_PATH_BYTES;
const direct = (home: string): string => join(home, "agent.sock");
const pointer = (home: string): string => join(home, "agent.sock.path");

export interface ControlAddress {
  readonly path: string;
  /** Removes what was made for it besides the socket itself. */
  dispose(): Promise<void>;
}

/** A real folder (no link) of ours that nobody else can enter. */
async function isPrivateFolder(folder: string): Promise<boolean> {
  const stat = await lstat(folder).catch(() => undefined);
  return stat?.isDirectory() === true && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
}

/** False when the name belongs to somebody else or the place does not take folders. */
async function makePrivateFolder(folder: string): Promise<boolean> {
  await mkdir(folder, { mode: 0o700 }).catch(() => undefined);
  return isPrivateFolder(folder);
}

async function privateFolder(home: string, env: NodeJS.ProcessEnv): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const name = `fustor-agent-${uid}-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`;
  for (const parent of [env.XDG_RUNTIME_DIR, `/run/user/${uid}`, tmpdir()]) {
    if (parent === undefined || parent === "" || !fits(join(parent, name, "agent.sock"))) continue;
    if (await makePrivateFolder(join(parent, name))) return join(parent, name);
  }
  // Somebody sits on the name: a random one cannot be guessed. /tmp is short whatever TMPDIR says.
  return mkdtemp("/tmp/fustor-agent-");
}

/** For the agent, which holds the home's lock: chooses the place and removes a socket that a crashed run left there. */
export async function prepareAddress(home: string, env: NodeJS.ProcessEnv = process.env): Promise<ControlAddress> {
  await rm(pointer(home), { force: true });
  const path = direct(home);
  if (fits(path)) {
    await rm(path, { force: true });
    return { path, dispose: async () => undefined };
  }
  const folder = await privateFolder(home, env);
  const elsewhere = join(folder, "agent.sock");
  await rm(elsewhere, { force: true });
  await writeDurably(pointer(home), `${elsewhere}\n`);
  const dispose = async (): Promise<void> => {
    await rm(pointer(home), { force: true });
    await rm(folder, { recursive: true, force: true });
  };
  return { path: elsewhere, dispose };
}

/** For clients: where to knock, or undefined when no agent has said. Only a socket in a private folder is trusted. */
export async function findAddress(home: string): Promise<string | undefined> {
  const path = direct(home);
  if (fits(path)) return path;
  const named = await readFile(pointer(home), "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  return named !== "" && fits(named) && (await isPrivateFolder(dirname(named))) ? named : undefined;
}
