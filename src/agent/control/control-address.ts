/**
 * Where the control socket lies: `$HOME/agent.sock`, or, when that path is longer than a socket address may be or its
 * file system takes no sockets, in a private folder elsewhere that `agent.sock.path` in the home names. The embedded
 * Fusion has a socket of another name in a folder of its own.
 */
import { createHash, randomBytes } from "node:crypto";
import { lstat, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { folderIdentity } from "../identity/instance-record.ts";
import { readOwnFile, writeDurably } from "../state/durable-file.ts";

/** `sun_path` holds 108 bytes with the closing NUL. */
export const SOCKET_PATH_BYTES = 107;

const fits = (path: string): boolean => Buffer.byteLength(path) <= SOCKET_PATH_BYTES;
const direct = (home: string, name: string): string => join(home, name);
const pointer = (home: string, name: string): string => join(home, `${name}.path`);

/** The name of the socket in its folder. */
export const AGENT_SOCKET = "agent.sock";

export interface ControlAddress {
  readonly path: string;
  /** In the home itself, or where the pointer in the home leads. */
  readonly inHome: boolean;
  /** Removes what was made for it besides the socket itself. */
  dispose(): Promise<void>;
}

/**
 * A socket address beside this one that nobody uses: the socket is made there and moved into its place. No longer than
 * `agent.sock`.
 */
export const draftOf = (path: string): string => join(dirname(path), `.s${randomBytes(4).toString("hex")}`);

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

/** For the agent, which holds the home's lock. */
export async function addressInHome(home: string, name = AGENT_SOCKET): Promise<ControlAddress | undefined> {
  const path = direct(home, name);
  if (!fits(path)) return undefined;
  await rm(pointer(home, name), { force: true });
  return { path, inHome: true, dispose: async () => undefined };
}

/** The same where the home's path is too long, or its file system takes no sockets. */
export async function addressElsewhere(
  home: string,
  env: NodeJS.ProcessEnv = process.env,
  name = AGENT_SOCKET,
): Promise<ControlAddress> {
  const folder = await privateFolder(home, env);
  const path = join(folder, AGENT_SOCKET);
  const text = `${path}\n${(await folderIdentity(home)) ?? ""}\n`;
  await writeDurably(pointer(home, name), text);
  const dispose = async (): Promise<void> => {
    const still = await readOwnFile(pointer(home, name)).catch(() => "");
    if (still === text) await rm(pointer(home, name), { force: true });
    await rm(folder, { recursive: true, force: true });
  };
  return { path, inHome: false, dispose };
}

/**
 * Only a socket in a private folder is trusted, and only a pointer that was written for this very folder: a copied home
 * holds a copy.
 */
async function pointedAt(home: string, name: string): Promise<string | undefined> {
  const text = await readOwnFile(pointer(home, name)).catch(() => "");
  const [path = "", folder = ""] = text.split("\n").map((line) => line.trim());
  if (path === "" || !fits(path) || folder === "" || folder !== (await folderIdentity(home))) return undefined;
  return (await isPrivateFolder(dirname(path))) ? path : undefined;
}

/** For clients: where to knock, or undefined when no process has said. */
export async function findAddress(home: string, name = AGENT_SOCKET): Promise<string | undefined> {
  const path = direct(home, name);
  const isThere = fits(path) && (await lstat(path).catch(() => undefined))?.isSocket() === true;
  return (isThere ? undefined : await pointedAt(home, name)) ?? (fits(path) ? path : undefined);
}
