import { expect, test } from "vitest";
import { PipeCounters } from "../../../src/pipe/pipe-counters.ts";

test("a failure is counted, and the last one kept as text", () => {
  const counters = new PipeCounters();
  counters.fail(new Error("first"));
  counters.fail("second");
  expect([counters.pipe.failures, counters.lastError]).toEqual([2, "second"]);
});

test("the lag is the age of a batch when it entered the bus, and the time since", () => {
  const counters = new PipeCounters();
  counters.delivered({ kind: "batch", changes: [], ticket: 1, indexes: [], lagMs: 7.4, enteredAt: 100 }, 130.3);
  expect(counters.lagMs).toBe(38);
});
