import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseState, StateStore } from "../../../src/agent/state-store.ts";
import type { Logger } from "../../../src/sdk/index.ts";
import { silentLogger } from "../../../src/sdk/index.ts";
import { freshFolder } from "./folder.ts";

const HOST = "machine:m1";
const RECEIVER = "http://127.0.0.1:8102";

function recordingLogger(): { logger: Logger; warnings: string[] } {
  const warnings: string[] = [];
  return { logger: { ...silentLogger, warn: (_facts, message) => warnings.push(message) }, warnings };
}

const stateFile = (home: string): string => join(home, "state", "pipes.json");

test("a session is remembered over a restart", async () => {
  const home = await freshFolder();
  const first = await StateStore.open(home, HOST, silentLogger);
  await first.memoryOf("p1", RECEIVER).rememberSession("s-1");
  const second = await StateStore.open(home, HOST, silentLogger);
  expect(await second.memoryOf("p1", RECEIVER).rememberedSession()).toBe("s-1");
});

test("a session is not handed out on another host, for another receiver or for another pipe", async () => {
  const home = await freshFolder();
  const store = await StateStore.open(home, HOST, silentLogger);
  await store.memoryOf("p1", RECEIVER).rememberSession("s-1");
  const elsewhere = await StateStore.open(home, "machine:m2", silentLogger);
  expect(await elsewhere.memoryOf("p1", RECEIVER).rememberedSession()).toBeUndefined();
  const here = await StateStore.open(home, HOST, silentLogger);
  expect(await here.memoryOf("p1", "http://127.0.0.1:9").rememberedSession()).toBeUndefined();
  expect(await here.memoryOf("p2", RECEIVER).rememberedSession()).toBeUndefined();
});

test("a forgotten session is gone after a restart", async () => {
  const home = await freshFolder();
  const store = await StateStore.open(home, HOST, silentLogger);
  await store.memoryOf("p1", RECEIVER).rememberSession("s-1");
  await store.memoryOf("p1", RECEIVER).rememberSession(undefined);
  const again = await StateStore.open(home, HOST, silentLogger);
  expect(await again.memoryOf("p1", RECEIVER).rememberedSession()).toBeUndefined();
});

test("the files can be read by nobody but their owner and no temporary file stays behind", async () => {
  const home = await freshFolder();
  const store = await StateStore.open(home, HOST, silentLogger);
  for (const session of ["a", "b", "c"]) await store.memoryOf("p1", RECEIVER).rememberSession(session);
  expect((await readdir(join(home, "state"))).sort()).toEqual(["pipes.json", "pipes.json.bak"]);
  expect((await stat(stateFile(home))).mode & 0o777).toBe(0o600);
  expect((await stat(join(home, "state"))).mode & 0o777).toBe(0o700);
});

test("writes at once end with the newest state on the disk", async () => {
  const home = await freshFolder();
  const store = await StateStore.open(home, HOST, silentLogger);
  const pipes = Array.from({ length: 20 }, (_, index) => `p${index}`);
  await Promise.all(pipes.map((pipe) => store.memoryOf(pipe, RECEIVER).rememberSession(`s-${pipe}`)));
  const again = await StateStore.open(home, HOST, silentLogger);
  for (const pipe of pipes) expect(await again.memoryOf(pipe, RECEIVER).rememberedSession()).toBe(`s-${pipe}`);
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
  const store = await StateStore.open(home, HOST, silentLogger);
  await store.memoryOf("p1", RECEIVER).rememberSession("older");
  await store.memoryOf("p1", RECEIVER).rememberSession("newer");
  await writeFile(stateFile(home), damage);
  const { logger, warnings } = recordingLogger();
  const again = await StateStore.open(home, HOST, logger);
  expect(await again.memoryOf("p1", RECEIVER).rememberedSession()).toBe("older");
  expect(warnings).toHaveLength(1);
});

test("two damaged generations leave an empty state that works", async () => {
  const home = await freshFolder();
  await mkdir(join(home, "state"));
  await writeFile(stateFile(home), "x");
  await writeFile(`${stateFile(home)}.bak`, "y");
  const { logger, warnings } = recordingLogger();
  const store = await StateStore.open(home, HOST, logger);
  expect(warnings).toHaveLength(2);
  await store.memoryOf("p1", RECEIVER).rememberSession("s-1");
  expect(await readFile(stateFile(home), "utf8")).toContain('"s-1"');
});

test("a state that cannot be written is said and harms nobody", async () => {
  const home = await freshFolder();
  const { logger, warnings } = recordingLogger();
  const store = await StateStore.open(home, HOST, logger);
  await mkdir(join(stateFile(home), "in-the-way"), { recursive: true });
  await store.memoryOf("p1", RECEIVER).rememberSession("s-1");
  expect(warnings.join()).toContain("was not saved");
  expect(await store.memoryOf("p1", RECEIVER).rememberedSession()).toBe("s-1");
});

test("an entry of the wrong shape is dropped and the others stay", () => {
  const good = { session: "s", hostId: HOST, receiver: RECEIVER, pipe: "p2" };
  const reading = parseState(JSON.stringify({ version: 1, pipes: { p1: { session: 5 }, p2: good, p3: null } }));
  expect(reading.kind === "good" && [...reading.pipes]).toEqual([["p2", good]]);
});
