import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatState, parseState } from "../../../../src/agent/state/state-file.ts";
import { FileStateStore } from "../../../../src/agent/state/state-store.ts";
import type { Logger } from "../../../../src/sdk/index.ts";
import { silentLogger } from "../../../../src/sdk/index.ts";
import { waitFor } from "../../../support/wait-for.ts";
import { freshFolder } from "../folder.ts";

const HOST = "machine:m1";
const RECEIVER = "http://127.0.0.1:8102";

function recordingLogger(): { logger: Logger; warnings: string[] } {
  const warnings: string[] = [];
  return { logger: { ...silentLogger, warn: (_facts, message) => warnings.push(message) }, warnings };
}

const stateFile = (home: string): string => join(home, "state", "pipes.json");

test("a session is remembered over a restart", async () => {
  const home = await freshFolder();
  const first = await FileStateStore.open(home, HOST, silentLogger);
  await first.pipeStoreOf("p1", RECEIVER).rememberSession("s-1");
  const second = await FileStateStore.open(home, HOST, silentLogger);
  expect(await second.pipeStoreOf("p1", RECEIVER).rememberedSession()).toBe("s-1");
});

test("a session is not handed out on another host, for another receiver or for another pipe", async () => {
  const home = await freshFolder();
  const store = await FileStateStore.open(home, HOST, silentLogger);
  await store.pipeStoreOf("p1", RECEIVER).rememberSession("s-1");
  const elsewhere = await FileStateStore.open(home, "machine:m2", silentLogger);
  expect(await elsewhere.pipeStoreOf("p1", RECEIVER).rememberedSession()).toBeUndefined();
  const here = await FileStateStore.open(home, HOST, silentLogger);
  expect(await here.pipeStoreOf("p1", "http://127.0.0.1:9").rememberedSession()).toBeUndefined();
  expect(await here.pipeStoreOf("p2", RECEIVER).rememberedSession()).toBeUndefined();
});

test("a forgotten session is gone after a restart", async () => {
  const home = await freshFolder();
  const store = await FileStateStore.open(home, HOST, silentLogger);
  await store.pipeStoreOf("p1", RECEIVER).rememberSession("s-1");
  await store.pipeStoreOf("p1", RECEIVER).rememberSession(undefined);
  const again = await FileStateStore.open(home, HOST, silentLogger);
  expect(await again.pipeStoreOf("p1", RECEIVER).rememberedSession()).toBeUndefined();
});

test("the files can be read by nobody but their owner and no temporary file stays behind", async () => {
  const home = await freshFolder();
  const store = await FileStateStore.open(home, HOST, silentLogger);
  for (const session of ["a", "b", "c"]) await store.pipeStoreOf("p1", RECEIVER).rememberSession(session);
  expect((await readdir(join(home, "state"))).sort()).toEqual(["pipes.json", "pipes.json.bak"]);
  expect((await stat(stateFile(home))).mode & 0o777).toBe(0o600);
  expect((await stat(join(home, "state"))).mode & 0o777).toBe(0o700);
});

test("writes at once end with the newest state on the disk", async () => {
  const home = await freshFolder();
  const store = await FileStateStore.open(home, HOST, silentLogger);
  const pipes = Array.from({ length: 20 }, (_, index) => `p${index}`);
  await Promise.all(pipes.map((pipe) => store.pipeStoreOf(pipe, RECEIVER).rememberSession(`s-${pipe}`)));
  const again = await FileStateStore.open(home, HOST, silentLogger);
  for (const pipe of pipes) expect(await again.pipeStoreOf(pipe, RECEIVER).rememberedSession()).toBe(`s-${pipe}`);
});

test.each([
  ["empty", ""],
  ["cut off", '{"version":1,"pipes":{"p1":{"ses'],
  ["binary", "\u0000\u0001\u0002"],
  ["of a later release", '{"version":99,"pipes":{}}'],
  ["a list", "[]"],
  ["null", "null"],
])("a state file that is %s is passed over aloud and the previous generation counts", async (_, damage) => {
  const home = await freshFolder();
  const store = await FileStateStore.open(home, HOST, silentLogger);
  await store.pipeStoreOf("p1", RECEIVER).rememberSession("older");
  await store.pipeStoreOf("p1", RECEIVER).rememberSession("newer");
  await writeFile(stateFile(home), damage);
  const { logger, warnings } = recordingLogger();
  const again = await FileStateStore.open(home, HOST, logger);
  expect(await again.pipeStoreOf("p1", RECEIVER).rememberedSession()).toBe("older");
  expect(warnings).toHaveLength(1);
  expect(await readFile(`${stateFile(home)}.bad`, "utf8")).toBe(damage);
  const { logger: later, warnings: laterWarnings } = recordingLogger();
  await FileStateStore.open(home, HOST, later);
  expect(laterWarnings).toEqual([]);
});

test("two damaged generations leave an empty state that works", async () => {
  const home = await freshFolder();
  await mkdir(join(home, "state"));
  await writeFile(stateFile(home), "x");
  await writeFile(`${stateFile(home)}.bak`, "y");
  const { logger, warnings } = recordingLogger();
  const store = await FileStateStore.open(home, HOST, logger);
  expect(warnings).toHaveLength(2);
  await store.pipeStoreOf("p1", RECEIVER).rememberSession("s-1");
  expect(await readFile(stateFile(home), "utf8")).toContain('"s-1"');
});

test("a state that cannot be written is said and harms nobody", async () => {
  const home = await freshFolder();
  const { logger, warnings } = recordingLogger();
  const store = await FileStateStore.open(home, HOST, logger);
  await mkdir(join(stateFile(home), "in-the-way"), { recursive: true });
  await store.pipeStoreOf("p1", RECEIVER).rememberSession("s-1");
  expect(warnings.join()).toContain("was not saved");
  expect(await store.pipeStoreOf("p1", RECEIVER).rememberedSession()).toBe("s-1");
});

test("an entry of the wrong shape is dropped and the others stay", () => {
  const good = { session: "s", hostId: HOST, receiver: RECEIVER, pipe: "p2" };
  const reading = parseState(JSON.stringify({ version: 1, pipes: { p1: { session: 5 }, p2: good, p3: null } }));
  expect(reading.kind === "good" && [...reading.state.pipes]).toEqual([["p2", good]]);
});

test("any text is either understood or refused with a reason, and what is understood survives being written", () => {
  const almost = fc.record({ version: fc.constantFrom(1, 2, 3), pipes: fc.jsonValue(), sources: fc.jsonValue() });
  const entry = fc.record({
    pipe: fc.string(),
    hostId: fc.string(),
    receiver: fc.string(),
    session: fc.oneof(fc.string(), fc.integer()),
    lastGoodHeartbeat: fc.oneof(fc.double(), fc.constant(null)),
  });
  const nearly = fc.record({ version: fc.constant(2), pipes: fc.dictionary(fc.string(), entry) });
  const text = fc.oneof(
    fc.string(),
    almost.map((value) => JSON.stringify(value)),
    nearly.map((value) => JSON.stringify(value)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("utf8")),
  );
  fc.assert(
    fc.property(text, (written) => {
      const reading = parseState(written);
      if (reading.kind !== "good") {
        expect(reading).toMatchObject({ kind: "unusable", reason: expect.stringMatching(/./) });
        return;
      }
      expect(parseState(formatState(reading.state))).toEqual(reading);
    }),
  );
});

test("heartbeats are written down once in ten seconds, and the newest one with whatever else is written", async () => {
  const home = await freshFolder();
  let now = 0;
  const store = await FileStateStore.open(home, HOST, silentLogger, { now: () => now });
  const pipe = store.pipeStoreOf("p1", RECEIVER);
  const onDisk = async (): Promise<number | undefined> => {
    const again = await FileStateStore.open(home, HOST, silentLogger);
    return again.pipeStoreOf("p1", RECEIVER).lastGoodHeartbeat?.();
  };
  pipe.noteHeartbeat?.(1000);
  await waitFor(async () => (await onDisk()) === 1000, { timeoutMs: 5000, what: "the first one" });
  now = 9_999;
  pipe.noteHeartbeat?.(2000);
  expect(await onDisk()).toBe(1000);
  now = 10_000;
  pipe.noteHeartbeat?.(3000);
  await waitFor(async () => (await onDisk()) === 3000, { timeoutMs: 5000, what: "the third one" });
  pipe.noteHeartbeat?.(4000);
  await pipe.rememberSession("s-1");
  expect(await onDisk()).toBe(4000);
});

test("a closed session leaves the heartbeat and the rows of the last snapshot", async () => {
  const home = await freshFolder();
  const pipe = (await FileStateStore.open(home, HOST, silentLogger)).pipeStoreOf("p1", RECEIVER);
  await pipe.rememberSession("s-1");
  pipe.noteHeartbeat?.(5000);
  pipe.noteSnapshot?.(77);
  pipe.noteTookOver?.(true);
  await pipe.rememberSession(undefined);
  const again = (await FileStateStore.open(home, HOST, silentLogger)).pipeStoreOf("p1", RECEIVER);
  expect(await again.rememberedSession()).toBeUndefined();
  expect(await again.lastGoodHeartbeat?.()).toBe(5000);
  expect(again.lastSnapshotRows?.()).toBe(77);
  expect(await again.tookOver?.()).toBe(true);
  again.noteTookOver?.(false);
  await again.rememberSession("s-2");
  const third = (await FileStateStore.open(home, HOST, silentLogger)).pipeStoreOf("p1", RECEIVER);
  expect(await third.tookOver?.()).toBe(false);
});

test("a checkpoint is handed out for the same rows only, and forgotten at once", async () => {
  const home = await freshFolder();
  const kept = { position: "0/16B3748", index: 5 };
  const open = async (rows: string) =>
    (await FileStateStore.open(home, HOST, silentLogger)).pipeStoreOf("p1", RECEIVER, rows);
  const pipe = await open("rows");
  pipe.noteCheckpoint?.(kept);
  await pipe.rememberSession("s-1");
  expect(await (await open("rows")).checkpoint?.()).toEqual(kept);
  expect(await (await open("other rows")).checkpoint?.()).toBeUndefined();
  pipe.noteCheckpoint?.(undefined);
  await pipe.rememberSession(undefined);
  expect(await (await open("rows")).checkpoint?.()).toBeUndefined();
});

test("what a root was is handed out on its own host only", async () => {
  const home = await freshFolder();
  const store = await FileStateStore.open(home, HOST, silentLogger);
  store.sourceStoreOf("fs:/data").remember("dev 1 inode 2");
  await store.flush();
  const recalled = async (host: string) =>
    (await FileStateStore.open(home, host, silentLogger)).sourceStoreOf("fs:/data").recall();
  expect(await recalled(HOST)).toBe("dev 1 inode 2");
  expect(await recalled("machine:m2")).toBeUndefined();
});
