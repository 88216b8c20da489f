import { describe, expect, it } from "vitest";
import type { BulkRows, Role, RowChunk } from "../../../../src/sdk/index.ts";
import { accept, nextOf, playAll } from "../../../support/bulk-play.ts";
import { SessionStage, type StageOptions } from "../../../support/session-stage.ts";
import { ended, turn } from "../../../support/turns.ts";

function stageOf(options: StageOptions = {}) {
  const stage = new SessionStage({
    source: { rescans: true, findsChanges: true },
    settings: { auditIntervalMs: 1_000_000, snapshotPauseLagMs: 10 },
    ...options,
  });
  stage.source.mkdir("/d", 5, true);
  stage.source.write("/d/a", 1, 5, true);
  const { bulk, gate } = stage.parts;
  const next =
    (role: Role = "leader") =>
    () =>
      bulk.next(role);
  /** Kinds of the batches in order, neighbours once. */
  const kinds = async (role?: Role): Promise<string[]> => {
    const held = await playAll(next(role));
    return held.map((batch) => batch.split(" ")[0] ?? "").filter((kind, i, all) => kind !== all[i - 1]);
  };
  return { stage, bulk, gate, next, kinds };
}

const JOBS = [
  ["snapshot", ({ bulk }: ReturnType<typeof stageOf>) => bulk.snapshot.begin()],
  ["audit", ({ bulk }: ReturnType<typeof stageOf>) => bulk.audit.begin()],
  ["rescan", ({ bulk }: ReturnType<typeof stageOf>) => bulk.rescan.add(["/d"])],
  ["restatement", ({ bulk }: ReturnType<typeof stageOf>) => bulk.restatement.begin(1)],
  ["scans", ({ bulk }: ReturnType<typeof stageOf>) => bulk.scans.add(SCAN)],
] as const;

const SCAN = [{ type: "scan", path: "/d" }];

describe("of the work in bulk of a session", () => {
  it("a scan that the receiver asked for goes first, then a snapshot", async () => {
    const { bulk, kinds } = stageOf();
    bulk.snapshot.begin();
    bulk.scans.add(SCAN);
    expect(await kinds()).toEqual(["on_demand_job", "job", "snapshot"]);
  });

  it("what was changed around a crash has its turn, too", async () => {
    const { bulk, kinds } = stageOf();
    bulk.restatement.begin(1);
    expect(await kinds("follower")).toEqual(["message"]);
  });

  it("only a scan passes the gate while live changes are late", async () => {
    const { bulk, gate, kinds, stage } = stageOf();
    gate.note(11);
    bulk.snapshot.begin();
    bulk.scans.add(SCAN);
    expect(await kinds()).toEqual(["on_demand_job", "job"]);
    await stage.clock.passTo(10_000);
    expect(await kinds()).toEqual(["snapshot"]);
  });

  it("a snapshot leaves no room for an audit or a rescan while it waits for its source", async () => {
    const { bulk, kinds, stage } = stageOf();
    stage.source.breakSnapshot(new Error("away"), 0);
    bulk.snapshot.begin();
    bulk.audit.begin();
    bulk.rescan.add(["/d"]);
    expect(await kinds()).toEqual([]);
    await stage.clock.passTo(1_000);
    expect((await kinds())[0]).toBe("snapshot");
  });

  it("a snapshot that is paused leaves room for a rescan, and then begins anew", async () => {
    const { bulk, next, kinds, stage } = stageOf();
    bulk.snapshot.begin();
    accept(await nextOf(next()));
    bulk.snapshot.pause();
    expect([await kinds(), stage.source.snapshots]).toEqual([[], 1]);
    bulk.rescan.add(["/d"]);
    expect(await kinds()).toContain("message");
    expect([bulk.snapshot.state, stage.source.chunksOut, stage.makings.counters.rescans.runs]).toEqual([
      "paused",
      0,
      1,
    ]);
    bulk.snapshot.resume();
    expect([(await playAll(next())).at(-1), stage.source.snapshots]).toEqual(["snapshot end", 2]);
  });

  it("a rescan waits for an audit that runs, or is due", async () => {
    const { bulk, next, stage } = stageOf();
    bulk.audit.begin();
    bulk.rescan.add(["/d"]);
    accept(await nextOf(next()));
    expect([bulk.audit.state, bulk.rescan.isBusy]).toEqual(["running", false]);
    const held = await playAll(next());
    expect(held.indexOf("audit end")).toBeLessThan(held.findIndex((batch) => batch.startsWith("message")));
    expect(stage.makings.counters).toMatchObject({ audit: { runs: 1 }, rescans: { runs: 1 } });
  });

  it("a rescan waits for an audit that pauses after a failure", async () => {
    const { bulk, kinds, stage } = stageOf();
    stage.source.breakSnapshot(new Error("away"), 0);
    bulk.audit.begin();
    await kinds();
    expect(bulk.audit.state).toBe("pausing");
    bulk.rescan.add(["/d"]);
    expect([await kinds(), bulk.rescan.state]).toEqual([[], "waiting"]);
  });

  it("an audit waits for a rescan that runs or pauses", async () => {
    const { bulk, next, stage } = stageOf();
    bulk.rescan.add(["/d"]);
    const item = await nextOf(next());
    bulk.audit.begin();
    accept(item);
    await playAll(next());
    expect(stage.makings.counters).toMatchObject({ audit: { runs: 1 }, rescans: { runs: 1, cutShort: 0 } });
    stage.source.unlistable.add("/d");
    bulk.rescan.add(["/d"]);
    await playAll(next());
    expect(bulk.rescan.isBusy).toBe(true);
    bulk.audit.begin();
    expect(await playAll(next())).toEqual([]);
    expect(stage.makings.counters.audit.runs).toBe(1);
  });

  it("an audit whose time has come begins in the turn in which a rescan has nothing to do", async () => {
    const { bulk, kinds } = stageOf();
    bulk.audit.begin();
    expect([await kinds(), bulk.audit.state]).toEqual([["audit"], "waiting"]);
  });

  it("a rescan is carried out in the role of the moment", async () => {
    const { bulk, kinds } = stageOf();
    bulk.rescan.add(["/d"]);
    expect(await kinds("follower")).toEqual(["message"]);
    bulk.rescan.add(["/d"]);
    expect((await kinds("leader"))[0]).toBe("audit");
  });

  it("an audit and a rescan get no end when a row was refused", async () => {
    const { bulk, next, stage } = stageOf();
    bulk.audit.begin();
    accept(await nextOf(next()));
    bulk.spoil();
    expect(await playAll(next())).not.toContain("audit end");
    expect(stage.makings.counters.audit).toMatchObject({ runs: 0, cutShort: 1 });
    bulk.rescan.add(["/d"]);
    accept(await nextOf(next()));
    bulk.spoil();
    await playAll(next());
    expect(stage.makings.counters.rescans).toMatchObject({ runs: 0, cutShort: 1 });
  });

  it("a snapshot and an audit that pause go on at once when the source comes back", async () => {
    const { bulk, kinds, stage } = stageOf();
    stage.source.breakSnapshot(new Error("away"), 0);
    bulk.snapshot.begin();
    await kinds();
    bulk.wake();
    expect(await kinds()).toEqual(["snapshot"]);
    stage.source.breakSnapshot(new Error("away"), 0);
    bulk.audit.begin();
    await kinds();
    bulk.wake();
    expect(await kinds()).toEqual(["audit"]);
  });

  it.each(JOBS)("nothing is left in the source when a job is closed, and it has left it: %s", async (job, begin) => {
    const parts = stageOf();
    const { source } = parts.stage;
    let passes = 0;
    async function* counted(chunks: AsyncIterable<RowChunk>): AsyncGenerator<RowChunk> {
      passes++;
      try {
        yield* chunks;
      } finally {
        for (let turns = 0; turns < 5; turns++) await turn();
        passes--;
      }
    }
    for (const name of ["getSnapshotIterator", "getAuditIterator", "rescan", "changedSince", "scan"] as const) {
      const open = (source[name] as (...call: unknown[]) => BulkRows).bind(source);
      const opened = (...call: unknown[]): BulkRows => {
        const rows = open(...call);
        return { ...rows, chunks: counted(rows.chunks) };
      };
      Object.assign(source, { [name]: opened });
    }
    begin(parts);
    (await nextOf(parts.next())).abandoned();
    expect(passes).toBe(1);
    await ended(parts.bulk[job].close());
    expect([passes, source.chunksOut, parts.stage.clock.pending]).toEqual([0, 0, 0]);
    expect(await parts.kinds("follower")).toEqual(job === "rescan" ? ["message"] : []);
    expect(parts.stage.kinds()).toEqual([]);
  });

  it.each(JOBS)("nothing goes on after the end of all of them: %s", async (_, begin) => {
    const parts = stageOf();
    begin(parts);
    (await nextOf(parts.next())).abandoned();
    await ended(parts.bulk.close());
    expect([parts.stage.source.chunksOut, parts.stage.clock.pending]).toEqual([0, 0]);
  });

  it("a scan that waits is not carried out after the end, nor is an audit", async () => {
    const { bulk, kinds, stage } = stageOf();
    bulk.scans.add(SCAN);
    bulk.audit.begin();
    await ended(bulk.close());
    expect([await kinds(), stage.source.audits]).toEqual([[], 0]);
  });
});
