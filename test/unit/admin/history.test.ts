import { expect, test } from "vitest";
import { EVERY_MS, History } from "../../../src/admin/history.ts";
import type { AgentStatus, PipeReport } from "../../../src/agent/agent-status.ts";
import { idleStatus } from "../../../src/pipe/pipe-status.ts";

const pipe = (id: string, message: number, facts: Partial<PipeReport> = {}): PipeReport =>
  ({
    ...idleStatus(id, "running", ""),
    rowsSent: { message, snapshot: 0, audit: 0, on_demand_job: 0 },
    ...facts,
  }) as PipeReport;

const status = (pipes: readonly PipeReport[], userMs = 0): AgentStatus =>
  ({ pipes, rssBytes: 7, cpu: { userMs, systemMs: 0, percent: 0 } }) as unknown as AgentStatus;

test("rates come from counters, and one that begins anew is no negative rate", () => {
  const history = new History();
  history.note(status([pipe("a", 100), pipe("b", 0)]), 0);
  history.note(status([pipe("a", 350, { backlog: 4, lagMs: 12 }), pipe("b", 20)], 500), 10_000);
  history.note(status([pipe("a", 10), pipe("b", 20)], 500), 20_000);
  expect(history.pipe("a")).toEqual({
    at: [0, 10_000, 20_000],
    rowsPerSecond: [0, 25, 0],
    backlog: [0, 4, 0],
    lagMs: [null, 12, null],
  });
  expect(history.agent()).toMatchObject({ rowsPerSecond: [0, 27, 0], cpuPercent: [0, 5, 0], rssBytes: [7, 7, 7] });
});

test("it holds one hour, and nothing of pipes that are gone", () => {
  const history = new History();
  history.note(status([pipe("gone", 1)]), 0);
  for (let at = 1; at <= 500; at++) history.note(status([pipe("a", at)]), at * EVERY_MS);
  expect(history.pipe("gone")).toBeUndefined();
  const { at = [] } = history.pipe("a") ?? {};
  expect([at.length, at.at(-1)]).toEqual([360, 500 * EVERY_MS]);
  expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeLessThanOrEqual(3_600_000);
});
