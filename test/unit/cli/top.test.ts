import { expect, test } from "vitest";
import type { PipeReport } from "../../../src/agent/agent-status.ts";
import { formatTop, formatTopLines, phaseOf, type Sample, shortCount } from "../../../src/cli/commands/top.ts";
import { examplePipe, exampleStatus } from "../console/example-status.ts";

const sample = (pipe: Partial<PipeReport>, atMs = 10_000, pid = 4711): Sample => ({
  atMs,
  status: { ...exampleStatus, pid, pipes: [{ ...examplePipe, ...pipe }] },
});
const rows = (message: number) => ({ rowsSent: { ...examplePipe.rowsSent, message } });
const lineOf = (text: string): string => text.split("\n").find((line) => line.startsWith("research")) ?? "";

test("the rate is what was sent since the look before, and unknown at the first one or after a restart", () => {
  expect(lineOf(formatTop(sample(rows(5000), 12_000), sample(rows(1000), 10_000)))).toMatch(
    /^research +leader +live +2\.0k +14 ms +0 +0$/,
  );
  expect(lineOf(formatTop(sample(rows(5000)), undefined))).toMatch(/live +- /);
  expect(lineOf(formatTop(sample(rows(10)), sample(rows(1000), 9000, 4712)))).toMatch(/live +- /);
});

test("the phase names what goes on beside realtime changes, or why nothing does", () => {
  const phase = (over: Partial<PipeReport>): string => phaseOf({ ...examplePipe, ...over });
  expect(phase({ snapshot: "running", snapshotRows: 45, snapshotExpectedRows: 100 })).toBe("snap 45%");
  expect(phase({ snapshot: "running", snapshotPaused: true })).toBe("snap paused");
  expect(phase({ snapshot: "paused" })).toBe("snap paused");
  expect(phase({ audit: { ...examplePipe.audit, state: "running" } })).toBe("audit");
  expect(phase({ rescans: { ...examplePipe.rescans, state: "running" } })).toBe("rescan");
  expect(phase({ state: "waiting_for_source" })).toBe("no source");
  expect(phase({})).toBe("live");
});

test.each([
  [0, "0"],
  [999, "999"],
  [1000, "1.0k"],
  [9_949, "9.9k"],
  [99_999, "100k"],
  [999_600, "1.0M"],
  [12_345_678, "12M"],
])("%d is %s", (count, text) => {
  expect(shortCount(count)).toBe(text);
});

test("the table of the busiest pipes fits into 79 columns, whatever their ids hold", () => {
  const worst: Partial<PipeReport> = {
    id: `${"x".repeat(60)}\u001b[2J`,
    role: "follower",
    snapshot: "running",
    snapshotPaused: true,
    backlog: 123_456_789,
    backlogAgeMs: 8_640_000_000,
    failures: 999_999,
  };
  const states = ["running", "reconnecting", "key_refused", "waiting_for_source", "connecting", "standby"] as const;
  for (const state of states) {
    const text = formatTop(sample({ ...worst, state, ...rows(1e9) }, 11_000), sample({ ...worst, ...rows(0) }));
    const table = text.split("\n\n")[1] ?? "";
    for (const line of table.split("\n")) expect([line, line.length <= 79]).toEqual([line, true]);
    expect(text).not.toContain("\u001b");
  }
});

test("a file gets a line for each pipe with the time and a name at each value", () => {
  const text = formatTopLines(sample(rows(5000), 12_000), sample(rows(1000), 10_000));
  expect(text).toBe(
    "1970-01-01T00:00:12.000Z research role=leader phase=live rate/s=2.0k lag=14_ms backlog=0 errors=0",
  );
});
