import { expect, test } from "vitest";
import type { PipeReport } from "../../../src/agent/agent-status.ts";
import { formatStatus } from "../../../src/cli/commands/status.ts";
import { examplePipe, exampleStatus } from "../console/example-status.ts";

const lineOf = (pipe: Partial<PipeReport>): string =>
  formatStatus({ ...exampleStatus, pipes: [{ ...examplePipe, ...pipe }] })
    .split("\n")
    .find((line) => line.startsWith("research ")) ?? "";

test("a snapshot that runs says how far it is, one that pauses that it pauses", () => {
  const running = { snapshot: "running", snapshotRows: 41_000, snapshotExpectedRows: 82_000 } as const;
  expect(lineOf(running)).toContain("running (41,000 rows), 50 %");
  const byOperator = { snapshot: "paused", snapshotPausedForMs: 125_000 } as const;
  expect(lineOf({ ...running, ...byOperator })).toContain("paused (41,000 rows), 50 %, for 2 min");
  expect(lineOf({ ...running, snapshot: "cancelled" })).toContain("cancelled (41,000 rows)");
  expect(lineOf({ ...running, snapshotPaused: true })).toContain("paused (41,000 rows), 50 %");
});

test("a snapshot whose source is away waits and does not run", () => {
  const line = lineOf({ state: "waiting_for_source", snapshot: "running", snapshotRows: 0, snapshotExpectedRows: 10 });
  expect(line).toMatch(/waiting_for_source +leader +waiting \(0 rows\) /);
});
