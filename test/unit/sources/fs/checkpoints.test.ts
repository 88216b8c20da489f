import { expect, it } from "vitest";
import { Checkpoints } from "../../../../src/sources/fs/checkpoints.ts";
import { createRecordingLogger } from "../../../support/recording-logger.ts";

function stage(kept = "") {
  const done: string[] = [];
  const status = { kept, next: "", trouble: "", bytes: 0 };
  let now = 0;
  let why = "";
  const logger = createRecordingLogger();
  const watch = {
    writeCheckpoint: async (_: string, generation: string) => {
      done.push("write");
      if (why === "") status.next = generation;
      return { reason: why, generation, entries: 1, bytes: 1 };
    },
    keepCheckpoint: async (generation: string) => {
      done.push("keep");
      Object.assign(status, { kept: generation, next: "" });
      return "";
    },
    dropCheckpoints: async (reason: string) => {
      done.push("drop");
      Object.assign(status, { kept: "", next: "", trouble: reason, bytes: 0 });
      return reason;
    },
    journalStatus: () => ({ ...status }),
  };
  const rules = { everyMs: 10_000, journalBytes: 100 };
  const checkpoints = new Checkpoints({ watch, path: "/index", rules, logger, now: () => now });
  const settle = async (): Promise<string[]> => {
    await new Promise(setImmediate);
    return done.splice(0);
  };
  const after = (ms: number): Promise<string[]> => {
    now += ms;
    checkpoints.tick();
    return settle();
  };
  const fail = (reason: string): void => {
    why = reason;
  };
  return { checkpoints, status, after, settle, logger, fail };
}

it("writes the first one at once, and again and again until there is one", async () => {
  const { after, fail } = stage();
  fail("the tree was not walked to its end yet");
  expect(await after(0)).toEqual(["write"]);
  expect(await after(100)).toEqual([]);
  fail("");
  expect(await after(2_000)).toEqual(["write"]);
  expect(await after(60_000)).toEqual([]);
});

it("keeps it when a pipe has noted it, and writes the next one after the interval if names came or went", async () => {
  const { after, settle, checkpoints, status } = stage();
  await after(0);
  checkpoints.kept("another");
  expect(await settle()).toEqual([]);
  checkpoints.kept(status.next);
  expect(await settle()).toEqual(["keep"]);
  expect(await after(10_000)).toEqual([]);
  status.bytes = 5;
  expect(await after(0)).toEqual(["write"]);
});

it("writes one per run at least, also when an earlier run left one", async () => {
  const { after } = stage("of an earlier run");
  expect(await after(9_000)).toEqual([]);
  expect(await after(1_000)).toEqual(["write"]);
});

it("writes one sooner when the journal is full, and gives the index up when nobody accepts it", async () => {
  const { after, status, logger } = stage();
  await after(0);
  status.bytes = 150;
  expect(await after(2_000)).toEqual(["write"]);
  status.bytes = 250;
  expect(await after(1)).toEqual(["drop"]);
  await after(1);
  await after(1);
  const said = logger
    .messages()
    .filter((message) => message.startsWith("after a kill the next start sends everything"));
  expect(said).toHaveLength(1);
});

it("does nothing once it is closed", async () => {
  const { after, checkpoints } = stage();
  checkpoints.close();
  expect(await after(60_000)).toEqual([]);
});
