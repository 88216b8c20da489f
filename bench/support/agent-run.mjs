/** An agent as a child process before a sink that keeps or discards what it is sent. */
import { mkdirSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import "../../scripts/load-ts.mjs";
import { WatcherProcess } from "../suites/watch/watcher-process.mjs";

const { createOurAgent } = await import("../../test/support/agent-process.ts");

const SINK = fileURLToPath(new URL("./sink.mjs", import.meta.url));
const MEMORY_FOLDER = "/dev/shm";
const TMPFS_MAGIC = 0x01021994;
const LEAST_FREE_BYTES = 1e9;
/** Enough for tens of millions of entries on a busy machine: whoever waits for less has a limit of their own. */
const SNAPSHOT_MS = 1_200_000;
/** When none has begun by then, none comes. */
const AUDIT_BEGINS_MS = 2000;

/** /dev/shm where it is in memory and has room: a disk may not reach the rates. */
export function memoryFolder() {
  try {
    const { type, bavail, bsize } = statfsSync(MEMORY_FOLDER);
    return type === TMPFS_MAGIC && bavail * bsize > LEAST_FREE_BYTES ? MEMORY_FOLDER : tmpdir();
  } catch {
    return tmpdir();
  }
}

export function makeDirectories(root, count) {
  for (let directory = 0; directory < count; directory++) mkdirSync(join(root, `d${directory}`), { recursive: true });
}

/**
 * Resolves when the agent has sent its first snapshot. The caller ends both. `pipe`: further keys of the pipe's entry. An agent sends
 * at most one snapshot that is asked for in each session timeout.
 */
export async function startAgentBefore(root, { capacity, size, pipe = {}, sessionSeconds = 30 }) {
  const sink = new WatcherProcess([process.execPath, SINK, ...[capacity, size, sessionSeconds].map(String)]);
  const { port } = await sink.hear("listening");
  const receiver = { url: `http://127.0.0.1:${port}`, pushKey: "bench-key", pipeId: "bench" };
  const agent = createOurAgent({ root, receiver, pipe });
  const end = async () => {
    if (agent.alive()) await agent.terminate();
    await sink.end();
  };
  try {
    const begun = performance.now();
    agent.start();
    await firstSnapshot(agent, sink);
    return { agent, sink, snapshotSeconds: (performance.now() - begun) / 1000, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** An audit may follow the first snapshot: what is measured afterwards should not run beside it. */
export async function untilAudited(agent) {
  const begun = performance.now();
  const isOver = ({ pipes: [pipe] }) =>
    pipe?.audit === undefined ||
    pipe.audit.runs > 0 ||
    (pipe.audit.state !== "running" && performance.now() - begun > AUDIT_BEGINS_MS);
  await agent.waitForStatus(isOver, SNAPSHOT_MS);
}

async function firstSnapshot(agent, sink) {
  const deadline = performance.now() + SNAPSHOT_MS;
  while ((await sink.ask({ do: "count" }, "count")).snapshotEnds === 0) {
    if (!agent.alive()) throw new Error(`the agent ended:\n${agent.output()}`);
    if (performance.now() > deadline) throw new Error(`no snapshot within ${SNAPSHOT_MS / 1000} s:\n${agent.output()}`);
    await pause(20);
  }
}
