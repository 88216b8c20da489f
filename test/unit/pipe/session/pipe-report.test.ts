import { describe, expect, it } from "vitest";
import type { PipePhase } from "../../../../src/pipe/pipe-state.ts";
import type { PipeStatus } from "../../../../src/pipe/pipe-status.ts";
import { pipeReport, type ReportFacts } from "../../../../src/pipe/session/pipe-report.ts";
import { SessionRun } from "../../../../src/pipe/session/session.ts";
import { accept, nextOf } from "../../../support/bulk-play.ts";
import { SessionStage, type StageOptions } from "../../../support/session-stage.ts";
import { ended } from "../../../support/turns.ts";

const CONNECTED: PipePhase = {
  kind: "connected",
  sessionId: "99d2f67b-4b1e-4a51",
  role: "leader",
  source: undefined,
};

function stageOf(options: StageOptions = {}) {
  const stage = new SessionStage(options);
  const session = new SessionRun(stage.makings, () => undefined);
  const report = (facts: Partial<ReportFacts> = {}): PipeStatus =>
    pipeReport({
      parts: stage.pipe,
      phase: CONNECTED,
      phaseSince: 0,
      counters: stage.makings.counters,
      session,
      committedIndex: 7,
      dirtyDirectories: stage.makings.dirty.size,
      clockSkewMs: undefined,
      ...facts,
    });
  return { stage, session, report };
}

describe("the status of a pipe", () => {
  it("without a session says nothing of one", () => {
    const { report } = stageOf();
    expect(report({ session: undefined, phase: { kind: "stopped" } })).toStrictEqual({
      id: "pipe-1",
      state: "stopped",
      info: "not running",
      snapshot: "none",
      snapshotRows: 0,
      batchesSent: 0,
      failures: 0,
      poisonRows: 0,
      changesLost: 0,
      audit: { state: "off", runs: 0, cutShort: 0 },
      sentinel: { rounds: 0, checked: 0, missing: 0, failures: 0 },
      scans: { done: 0, failed: 0, refused: 0 },
      rescans: { state: "none", runs: 0, directories: 0, rows: 0, cutShort: 0, pending: 0 },
      rowsSent: { message: 0, snapshot: 0, audit: 0, on_demand_job: 0 },
      backlog: 0,
      committedIndex: 7,
    });
  });

  it("says while it waits how often it failed in a row, and when it tries again", () => {
    const { stage, report } = stageOf();
    const phase = {
      kind: "backing_off",
      code: undefined,
      reason: "r",
      failures: 3,
      delayMs: 5000,
      source: undefined,
    } as const;
    const phaseSince = stage.pipe.ambience.now() - 1200;
    expect(report({ session: undefined, phase, phaseSince }).retry).toEqual({ failures: 3, nextInMs: 3800 });
    expect(report({ session: undefined, phase, phaseSince: phaseSince - 9000 }).retry?.nextInMs).toBe(0);
  });

  it("shows the role and the beginning of the session's id", () => {
    const { report } = stageOf();
    expect(report()).toMatchObject({ state: "running", role: "leader", session: "99d2f67b", committedIndex: 7 });
    const draining: PipePhase = { kind: "draining", sessionId: undefined, role: undefined };
    expect(Object.keys(report({ phase: draining }))).not.toContain("session");
    expect(Object.keys(report({ phase: draining }))).not.toContain("role");
  });

  it("shows the clocks' difference, the last error and the lag when they are known", () => {
    const { report, stage } = stageOf();
    stage.makings.counters.fail(new Error("no route"));
    stage.makings.counters.lagMs = 12;
    expect(report({ clockSkewMs: -4 })).toMatchObject({
      clockSkewMs: -4,
      lastError: "no route",
      lagMs: 12,
      failures: 1,
    });
  });

  it("shows how many changes wait, and how long the oldest has", async () => {
    const { report, stage } = stageOf();
    stage.subscription.start(-1);
    await stage.clock.passTo(100.4);
    stage.write("/a");
    await stage.clock.passTo(350);
    expect(report()).toMatchObject({ backlog: 1, backlogAgeMs: 250 });
    const taken = stage.subscription.take(9, 9_999);
    if (taken?.kind === "batch") stage.subscription.commit(taken);
    expect(Object.keys(report())).not.toContain("backlogAgeMs");
  });

  it("shows how far a snapshot is, and whether it waits for live changes", async () => {
    const { report, stage, session } = stageOf({ settings: { snapshotPauseLagMs: 10 } });
    Object.assign(stage.store, { lastSnapshotRows: () => 3 });
    session.bulk.snapshot.begin();
    expect(report()).toMatchObject({ snapshot: "running", snapshotRows: 0, snapshotExpectedRows: 3 });
    expect(Object.keys(report())).not.toContain("snapshotPaused");
    const { bulk } = session;
    accept(await nextOf(() => bulk.snapshot.runner.next()));
    await stage.clock.passTo(500);
    expect(report()).toMatchObject({ snapshotRows: 1, snapshotRowsPerSecond: 2, snapshotEtaMs: 1_000 });
    bulk.snapshot.pause();
    await stage.clock.passTo(800);
    expect(report()).toMatchObject({ snapshot: "paused", snapshotRows: 1, snapshotPausedForMs: 300 });
    expect(Object.keys(report())).not.toContain("snapshotRowsPerSecond");
    await ended(bulk.close());
    expect(Object.keys(report())).not.toContain("snapshotPausedForMs");
  });

  it("says that a snapshot waits for live changes only while one runs", () => {
    const { report, session } = stageOf({ settings: { snapshotPauseLagMs: 10 } });
    const paused = (state: "running" | "none", isBulkPaused: boolean): boolean | undefined => {
      const { audit, rescan } = session.bulk;
      const bulk = { snapshot: { state, progress: { rows: 0 }, pace: undefined }, audit, rescan };
      return report({ session: { bulk, isBulkPaused } as unknown as SessionRun }).snapshotPaused;
    };
    expect([paused("running", true), paused("running", false), paused("none", true)]).toEqual([
      true,
      undefined,
      undefined,
    ]);
  });

  it("says how long ago the last audit was complete", async () => {
    const { report, stage, session } = stageOf({ settings: { auditIntervalMs: 1_000 } });
    session.bulk.audit.begin();
    stage.makings.counters.audit.lastCompleteAt = 100;
    await stage.clock.passTo(350.4);
    expect(report().audit).toEqual({ state: "running", runs: 0, cutShort: 0, lastCompleteAgoMs: 250 });
  });

  it("counts the directories of a rescan that runs with those that wait", async () => {
    const { report, stage, session } = stageOf({ source: { rescans: true } });
    stage.makings.dirty.add("/");
    expect(report().rescans).toMatchObject({ state: "waiting", pending: 1 });
    expect(report({ session: undefined }).rescans).toMatchObject({ state: "waiting", pending: 1 });
    const item = await nextOf(() => session.bulk.rescan.next("leader"));
    stage.makings.dirty.add("/d");
    expect(report().rescans).toMatchObject({ state: "running", pending: 2 });
    item.abandoned();
  });
});
