import { expect, test } from "vitest";
import { jobsText, pipeStates, troubleCounts } from "../../../src/agent/pipe-lines.ts";
import { zeroCounts } from "../../../src/pipe/counters.ts";
import { idleStatus, type PipeState } from "../../../src/pipe/pipe-status.ts";

const quiet = idleStatus("p", "stopped", "not started");
const seconds = (ms: number): string => `${ms / 1000} s`;

test("a pipe without audits, suspects and scans says nothing of them", () => {
  expect(jobsText(quiet, seconds)).toBeUndefined();
});

test("what was done and what failed stands in one sentence", () => {
  const busy = {
    audit: { ...zeroCounts("audit"), state: "waiting", runs: 3, cutShort: 1, lastCompleteAgoMs: 12_000 },
    sentinel: { ...zeroCounts("sentinel"), rounds: 2, checked: 5, missing: 1 },
    scans: { ...zeroCounts("scans"), done: 1, failed: 2 },
    rescans: {
      ...zeroCounts("rescans"),
      state: "running",
      runs: 2,
      directories: 40,
      rows: 900,
      cutShort: 1,
      pending: 7,
    },
  } as const;
  expect(jobsText(busy, seconds)).toBe(
    "audits: waiting, 3 complete, 1 cut short, the last one 12 s ago; " +
      "suspects: 5 checked, 1 gone, 0 questions failed; " +
      "rescans: running, 2 complete, 40 directories, 1 cut short, 7 directories pending; " +
      "scans asked for: 1 done, 2 failed, 0 refused",
  );
});

test("of what went wrong only what happened is named", () => {
  const counts = { ...zeroCounts("pipe"), batchesSent: 7, failures: 3, poisonRows: 2 };
  expect(troubleCounts(counts)).toEqual([{ name: "poisonRows", value: 2, text: "rows refused" }]);
});

test("the states of all pipes are counted in one line", () => {
  const of = (...states: PipeState[]) => pipeStates(states.map((state) => ({ state })));
  expect(of("running", "waiting_for_source", "running")).toBe("3 pipes: 2 running, 1 waiting for source");
  expect(of("failed")).toBe("1 pipe: 1 failed");
});
