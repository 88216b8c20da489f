import { describe, expect, it } from "vitest";
import { FustorError, type SnapshotOptions } from "../../../../src/sdk/index.ts";
import { accept, nextOf, playAll } from "../../../support/bulk-play.ts";
import { deleted } from "../../../support/changes.ts";
import { SessionStage, type StageOptions } from "../../../support/session-stage.ts";
import { ended } from "../../../support/turns.ts";

const WHOLE = ["snapshot /", "snapshot /a", "snapshot end"];
const TIMEOUT_MS = 30_000;

function stageOf(options: StageOptions = {}) {
  // One row in a POST: what is read ahead makes no difference.
  const stage = new SessionStage({ settings: { batchEvents: 1, eventRows: 1 }, ...options });
  stage.source.write("/a", 1, 5, true);
  const asked: SnapshotOptions[] = [];
  const iterate = stage.source.getSnapshotIterator.bind(stage.source);
  stage.source.getSnapshotIterator = (call) => {
    asked.push(call);
    return iterate(call);
  };
  const job = () => stage.parts.bulk.snapshot;
  const next = () => job().next();
  const play = (): Promise<string[]> => playAll(next);
  const pass = (ms: number): Promise<void> => stage.clock.passTo(stage.clock.now() + ms);
  return { stage, asked, job, next, play, pass };
}

describe("a snapshot", () => {
  it("is owed from its beginning to its accepted end", async () => {
    const { job, play, stage } = stageOf();
    expect([job().state, await play()]).toEqual(["none", []]);
    const heard = ended(stage.parts.news.wait(new AbortController().signal));
    job().begin();
    await heard;
    expect(job().state).toBe("running");
    expect(await play()).toEqual(WHOLE);
    expect([job().state, job().progress, job().trouble, job().pace]).toEqual([
      "complete",
      { rows: 2 },
      undefined,
      undefined,
    ]);
    expect(stage.events).toEqual([{ kind: "snapshot complete", rows: 2 }, { kind: "snapshot ended" }]);
    expect([await play(), stage.clock.pending]).toEqual([[], 0]);
  });

  it("is its end alone when the receiver holds the history", async () => {
    const { job, play, stage } = stageOf();
    job().beginEnd();
    expect(job().state).toBe("running");
    expect(await play()).toEqual(["snapshot end"]);
    expect([job().state, stage.events]).toEqual(["complete", [{ kind: "snapshot ended" }]]);
  });

  it("is not complete while the next one is owed", async () => {
    const { job, play } = stageOf();
    job().beginEnd();
    await play();
    job().begin();
    expect(job().state).toBe("running");
    job().cancel();
    expect([job().state, await play()]).toEqual(["none", []]);
  });

  it("that is cancelled gives its chunks and its timers back", async () => {
    const { job, next, play, stage } = stageOf();
    job().begin();
    const item = await nextOf(next);
    expect([job().pace, stage.clock.pending]).toEqual([{ rowsPerSecond: 0 }, 1]);
    job().cancel();
    expect(item.isCancelled()).toBe(true);
    item.abandoned();
    await ended(job().close());
    expect([stage.source.chunksOut, stage.clock.pending, job().pace, await play()]).toEqual([0, 0, undefined, []]);
  });

  it.each([
    [new Error("a defect"), "warn", "the snapshot failed and starts anew: a defect"],
    [new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "away"), "info", "the snapshot waits: away"],
  ] as const)("says what is wrong with a source that fails, and starts anew after a pause: %s", async (...given) => {
    const [error, level, said] = given;
    const { job, play, next, stage, pass } = stageOf();
    stage.source.breakSnapshot(error, 0);
    job().begin();
    expect(await play()).toEqual([]);
    expect([job().state, job().trouble, job().pace]).toEqual(["running", error.message, undefined]);
    expect(stage.logger.entries).toMatchObject([{ level, message: said }]);
    await pass(20);
    const item = await nextOf(next);
    expect([job().trouble, job().pace]).toEqual([undefined, { rowsPerSecond: 0 }]);
    accept(item);
    expect(await play()).toEqual(["snapshot /a", "snapshot end"]);
  });

  it("has no trouble any more once it is cancelled or another one is owed", async () => {
    const { job, play, stage } = stageOf();
    stage.source.breakSnapshot(new Error("a defect"), 0);
    job().begin();
    await play();
    expect(job().trouble).toBe("a defect");
    job().beginEnd();
    expect(job().trouble).toBe(undefined);
  });

  it("has no trouble any more once it ended, though it had no rows", async () => {
    const { job, play, stage, pass } = stageOf();
    stage.source.breakSnapshot(new Error("a defect"), 0);
    job().begin();
    await play();
    stage.source.removeQuietly("/");
    await pass(20);
    expect([await play(), job().trouble]).toEqual([["snapshot end"], undefined]);
  });

  it("lifts what was changed since a second, also when it is begun anew, but not the next one", async () => {
    const { job, play, asked } = stageOf();
    job().begin(5);
    job().begin();
    expect(await play()).toEqual(["snapshot /", "snapshot /a /a", "snapshot end"]);
    job().begin();
    expect(await play()).toEqual(WHOLE);
    expect(asked.map((call) => ("strongSince" in call ? call.strongSince : "absent"))).toEqual([5, "absent"]);
  });

  it("begun anew lifts since the second that it is given", async () => {
    const { job, play, asked } = stageOf();
    job().begin(5);
    job().begin(9);
    await play();
    expect(asked[0]?.strongSince).toBe(9);
  });

  it("lifts nothing of what a snapshot was to lift that was only an end", async () => {
    const { job, play, asked } = stageOf();
    job().begin(5);
    job().beginEnd();
    job().begin();
    await play();
    expect(asked.map((call) => "strongSince" in call)).toEqual([false]);
  });

  it("lifts what lies under a tombstone, of a source whose keys leave any", async () => {
    const files = stageOf();
    files.stage.makings.context.tombstones.noteDeleted(deleted("/a", 0));
    files.job().begin();
    expect(await files.play()).toEqual(["snapshot /", "snapshot /a /a", "snapshot end"]);
    const rows = stageOf();
    Object.assign(rows.stage.source, { schema: "rows" });
    rows.stage.makings.context.tombstones.noteDeleted(deleted("/a", 0));
    rows.job().begin();
    expect(await rows.play()).toEqual(WHOLE);
  });

  it("expects as many rows as the last one had", async () => {
    const { job, next, stage, pass } = stageOf();
    Object.assign(stage.store, { lastSnapshotRows: () => 4 });
    job().begin();
    accept(await nextOf(next));
    await pass(1_000);
    expect(job().pace).toEqual({ rowsPerSecond: 1, etaMs: 3_000 });
  });

  it("expects nothing when nobody knows", async () => {
    const { job, next, pass } = stageOf();
    job().begin();
    accept(await nextOf(next));
    await pass(1_000);
    expect(job().pace).toEqual({ rowsPerSecond: 1 });
  });

  it("expects what the source says before anything else", async () => {
    const { job, next, stage, pass } = stageOf();
    Object.assign(stage.store, { lastSnapshotRows: () => 4 });
    const iterate = stage.source.getSnapshotIterator.bind(stage.source);
    stage.source.getSnapshotIterator = (call) => ({
      ...iterate(call),
      progress: () => ({ rows: 0, expectedRows: 11 }),
    });
    job().begin();
    accept(await nextOf(next));
    await pass(1_000);
    expect(job().pace).toEqual({ rowsPerSecond: 1, etaMs: 10_000 });
  });
});

describe("a snapshot that the receiver asks for", () => {
  it("may begin when none runs, and not while one does", async () => {
    const { job, next } = stageOf();
    expect(job().mayBeginAsked(0)).toBe(true);
    job().begin();
    expect(job().mayBeginAsked(100)).toBe(false);
    await nextOf(next);
    expect(job().mayBeginAsked(100)).toBe(false);
  });

  it("may begin while only an end is owed", () => {
    const { job } = stageOf();
    job().beginEnd();
    expect(job().mayBeginAsked(0)).toBe(true);
  });

  it("may not begin when it was asked for before the last one ended", async () => {
    const { job, play, pass } = stageOf();
    await pass(100);
    job().begin();
    await play();
    expect([job().mayBeginAsked(99), job().mayBeginAsked(100)]).toEqual([false, true]);
  });

  it("too soon after another one is put off until its time has come, once", async () => {
    const { job, pass, stage } = stageOf();
    await pass(50);
    expect(job().mayBeginAsked(50)).toBe(true);
    await pass(1_000);
    expect([job().mayBeginAsked(60), job().mayBeginAsked(70), stage.clock.pending]).toEqual([false, false, 1]);
    await pass(TIMEOUT_MS - 1_001);
    expect(stage.events).toEqual([]);
    await pass(1);
    expect(stage.events).toEqual([{ kind: "snapshot wanted", askedAt: 60 }]);
    expect(job().mayBeginAsked(60)).toBe(true);
    expect(job().mayBeginAsked(61)).toBe(false);
    expect(stage.clock.pending).toBe(1);
    await ended(job().close());
    expect(stage.clock.pending).toBe(0);
  });
});

describe("a snapshot that an operator pauses", () => {
  /** One of nine rows, a chunk each, of which one row was sent. */
  async function paused() {
    const parts = stageOf({ source: { chunkRows: 1 } });
    for (let i = 0; i < 7; i++) parts.stage.source.write(`/f${i}`, 1, 5, true);
    parts.job().begin(5);
    accept(await nextOf(parts.next));
    parts.job().pause();
    return parts;
  }

  it("sends nothing, stops reading when three chunks are there, and goes on where it was", async () => {
    const { job, play, pass, stage, asked } = await paused();
    expect([await play(), job().state, stage.source.chunksOut]).toEqual([[], "paused", 3]);
    await pass(60_000);
    job().pause();
    expect([job().pausedForMs, stage.source.chunksOut, job().progress.rows]).toEqual([60_000, 3, 1]);
    job().resume();
    expect([job().state, job().pausedForMs]).toEqual(["running", undefined]);
    expect(await play()).toHaveLength(9);
    expect([job().state, asked.length, stage.source.chunksOut]).toEqual(["complete", 1, 0]);
  });

  it("has no pace meanwhile, says nothing, and its pace is that of the time in which it ran", async () => {
    const { job, pass, stage } = await paused();
    await pass(60_000);
    expect(job().pace).toBeUndefined();
    expect(stage.logger.entries.map(({ message }) => message)).toEqual(["an operator paused the snapshot"]);
    job().resume();
    await pass(1_000);
    expect(job().pace).toEqual({ rowsPerSecond: 1 });
    await pass(9_000);
    expect(stage.logger.entries.at(-1)?.message).toBe("the snapshot goes on");
  });

  it("gets no end while it is paused, although everything was accepted", async () => {
    const { job, next, play } = stageOf();
    job().begin();
    accept(await nextOf(next));
    accept(await nextOf(next));
    job().pause();
    expect(await play()).toEqual([]);
    job().resume();
    expect(await play()).toEqual(["snapshot end"]);
  });

  it("whose end was on its way is over, and the next one is not paused", async () => {
    const { job, next, play } = stageOf();
    job().begin();
    accept(await nextOf(next));
    accept(await nextOf(next));
    const end = await nextOf(next);
    job().pause();
    accept(end);
    expect([job().state, job().pausedForMs]).toEqual(["complete", undefined]);
    job().begin();
    expect(job().state).toBe("running");
    expect(await play()).toEqual(WHOLE);
  });

  it("that is its end alone, on its way, is over, and the next one is not paused", async () => {
    const { job, next, play } = stageOf();
    job().beginEnd();
    const end = await nextOf(next);
    job().pause();
    accept(end);
    job().begin();
    expect([job().state, await play()]).toEqual(["running", WHOLE]);
  });

  it("begins anew when what supersedes its rows was forgotten right before it goes on", async () => {
    const { job, play, stage, asked } = await paused();
    expect(await play()).toEqual([]);
    for (let i = 0; i <= 500_100; i++)
      stage.makings.superseded.note({ op: "update", key: `/${i}`, row: {}, sequence: i, isContainer: false });
    job().resume();
    expect(stage.source.chunksOut).toBe(0);
    expect([(await play()).at(-1), asked.length]).toEqual(["snapshot end", 2]);
  });

  it("says when it may go on", async () => {
    const { job, stage } = await paused();
    const heard = ended(stage.parts.news.wait(new AbortController().signal));
    job().resume();
    await heard;
  });

  it("stays paused when a new one takes its place, and is owed until it goes on", async () => {
    const { job, play, stage, asked } = await paused();
    job().begin();
    expect([job().state, await play(), stage.source.chunksOut, asked.length]).toEqual(["paused", [], 0, 1]);
    expect(job().mayBeginAsked(1e9)).toBe(false);
    job().resume();
    expect((await play()).at(-1)).toBe("snapshot end");
    expect(asked.map(({ strongSince }) => strongSince)).toEqual([5, 5]);
  });

  it("holds nothing any more when its source fails, and begins anew", async () => {
    const { job, next, play, stage, asked } = stageOf({ source: { chunkRows: 1 } });
    stage.source.breakSnapshot(new Error("away"), 2);
    job().begin();
    accept(await nextOf(next));
    job().pause();
    expect([await play(), job().state, stage.source.chunksOut, stage.clock.pending]).toEqual([[], "paused", 0, 0]);
    expect(stage.logger.entries.at(-1)?.message).toBe("the paused snapshot will begin anew when it goes on: away");
    job().resume();
    expect([await play(), asked.length]).toEqual([WHOLE, 2]);
  });

  it("holds nothing any more when what supersedes its rows was forgotten, and begins anew", async () => {
    const { job, play, stage, asked } = await paused();
    for (let i = 0; i <= 100_000; i++)
      stage.makings.superseded.note({ op: "delete", key: `/gone${i}`, row: {}, sequence: i, isContainer: true });
    expect([await play(), job().state, stage.source.chunksOut]).toEqual([[], "paused", 0]);
    expect(stage.logger.entries.at(-1)?.message).toContain("too much changed meanwhile");
    job().resume();
    expect([(await play()).at(-1), asked.length]).toEqual(["snapshot end", 2]);
  });

  it("is cancelled with everything else, and the next one is not paused", async () => {
    const { job, play, stage } = await paused();
    job().cancel();
    expect([await play(), job().state, job().pausedForMs, stage.source.chunksOut]).toEqual([[], "none", undefined, 0]);
    job().begin();
    expect((await play()).at(-1)).toBe("snapshot end");
  });

  it("is none when none runs", () => {
    const { job, stage } = stageOf();
    job().pause();
    job().resume();
    job().dismiss();
    expect([job().state, job().pausedForMs, stage.logger.entries]).toEqual(["none", undefined, []]);
  });
});

describe("a snapshot that an operator cancels", () => {
  it.each([false, true])("gets no end, also when it is paused: %s", async (isPaused) => {
    const { job, next, play, stage } = stageOf();
    job().begin();
    const item = await nextOf(next);
    if (isPaused) job().pause();
    job().dismiss();
    expect(item.isCancelled()).toBe(true);
    item.abandoned();
    expect([job().state, await play(), stage.clock.pending, stage.events]).toEqual(["cancelled", [], 0, []]);
    await ended(job().close());
    expect(stage.source.chunksOut).toBe(0);
  });

  it("is not begun again by what the receiver asked for before, but by what it asks for then", async () => {
    const { job, pass } = stageOf();
    job().begin();
    await pass(50);
    job().dismiss();
    expect([job().mayBeginAsked(49), job().mayBeginAsked(50)]).toEqual([false, true]);
  });

  it("leaves it to the next one to lift what it was to lift", async () => {
    const { job, play, asked } = stageOf();
    job().begin(5);
    job().dismiss();
    job().begin();
    await play();
    job().begin();
    await play();
    expect(asked.map(({ strongSince }) => strongSince)).toEqual([5, undefined]);
  });

  it("is told from one that ended before", async () => {
    const { job, play } = stageOf();
    job().begin();
    job().dismiss();
    expect(job().hasEnded).toBe(false);
    job().begin();
    await play();
    job().begin();
    job().dismiss();
    expect([job().hasEnded, job().state]).toEqual([true, "cancelled"]);
    job().cancel();
    expect(job().hasEnded).toBe(false);
  });
});
