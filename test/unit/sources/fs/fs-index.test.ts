/** What becomes of an index whose disk answers after the source has begun without it. */
import { expect, it } from "vitest";
import type { IndexOutcome, NativeWatch } from "../../../../src/native/watch.ts";
import { FsIndex } from "../../../../src/sources/fs/fs-index.ts";
import { createRecordingLogger } from "../../../support/recording-logger.ts";

const LOADED: IndexOutcome = { reason: "", generation: "g1", entries: 1, bytes: 1 };
const RULES = { everyMs: 0, journalBytes: 1_000 };

it("drops the journal of an index that was loaded too late", async () => {
  const dropped: string[] = [];
  let answer: (outcome: IndexOutcome) => void = () => undefined;
  const answered = new Promise<IndexOutcome>((resolve) => {
    answer = resolve;
  });
  const watch: Pick<NativeWatch, "loadIndex" | "dropCheckpoints"> = {
    loadIndex: () => answered,
    dropCheckpoints: async (reason) => {
      dropped.push(reason);
      return "";
    },
  };
  const parts = {
    watch: watch as NativeWatch,
    path: "/home/tree.index",
    rules: RULES,
    logger: createRecordingLogger(),
    loadMs: 0,
  };
  const index = new FsIndex(parts);
  await index.load();
  expect([index.resumedFrom, dropped]).toEqual([undefined, []]);
  answer(LOADED);
  await answered;
  await Promise.resolve();
  expect(dropped).toEqual([""]);
});
