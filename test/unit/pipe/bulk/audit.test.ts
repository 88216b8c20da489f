import { describe, expect, it } from "vitest";
import { type AuditOptions, FustorError } from "../../../../src/sdk/index.ts";
import { accept, heldBy, nextOf, playAll } from "../../../support/bulk-play.ts";
import { deleted } from "../../../support/changes.ts";
import { SessionStage, STAGE_EPOCH, type StageOptions } from "../../../support/session-stage.ts";
import { atRest, ended } from "../../../support/turns.ts";

const INTERVAL_MS = 500_000;
const TIMEOUT_MS = 30_000;
const WHOLE = ["audit /", "audit / /a", "audit end"];

/** With one file and periodic audits. */
function stageOf(options: StageOptions = {}) {
  const stage = new SessionStage({ settings: { auditIntervalMs: INTERVAL_MS }, ...options });
  stage.source.write("/a", 1, 5, true);
  const asked: AuditOptions[] = [];
  const iterate = stage.source.getAuditIterator.bind(stage.source);
  stage.source.getAuditIterator = (call) => {
    asked.push(call);
    return iterate(call);
  };
  // Dice that move no audit; audit-plan.test.ts has others.
  Object.assign(stage.clock, { random: () => 0 });
  const job = () => stage.parts.bulk.audit;
  const next = () => job().runner.next();
  const play = (): Promise<string[]> => playAll(next);
  const pass = (ms: number): Promise<void> => stage.clock.passTo(stage.clock.now() + ms);
  const counts = () => stage.makings.counters.audit;
  return { stage, asked, job, next, play, pass, counts };
}

const STOPPED = { before: { stoppedRunAliveAt: STAGE_EPOCH } };

describe("the audits after a take-over", () => {
  it("are two, the second a session timeout after the first, and then one each interval", async () => {
    const { stage, job, play, pass, counts } = stageOf();
    expect(job().state).toBe("off");
    job().begin();
    expect([job().state, job().hasTakenOver]).toEqual(["running", false]);
    expect(await play()).toEqual(WHOLE);
    expect([job().state, stage.kinds()]).toEqual(["waiting", []]);
    await pass(TIMEOUT_MS - 1);
    expect(await play()).toEqual([]);
    await pass(1);
    expect(await play()).toEqual(WHOLE);
    expect([job().hasTakenOver, stage.kinds()]).toEqual([true, ["took over"]]);
    await pass(INTERVAL_MS);
    expect(await play()).toEqual(WHOLE);
    expect([counts().runs, counts().cutShort, stage.kinds()]).toEqual([3, 0, ["took over"]]);
    expect(counts().lastCompleteAt).toBe(TIMEOUT_MS + INTERVAL_MS);
    expect(stage.logger.entries.filter(({ level }) => level === "info")).toMatchObject(
      Array(3).fill({ message: "an audit is complete", facts: { rows: 3 } }),
    );
  });

  it("are one after a run of our own that was stopped, and two after a later snapshot of the session", async () => {
    const { job, play, stage } = stageOf(STOPPED);
    job().begin();
    await play();
    expect([job().hasTakenOver, stage.kinds()]).toEqual([true, ["took over"]]);
    job().begin();
    expect(job().hasTakenOver).toBe(false);
    await play();
    expect(job().hasTakenOver).toBe(false);
  });

  it("are none after a run that is resumed: the take-over is done at once", async () => {
    const { job, play, stage } = stageOf({ resumption: "held" });
    job().begin();
    expect([job().hasTakenOver, stage.kinds(), job().state]).toEqual([true, ["took over"], "waiting"]);
    expect(await play()).toEqual([]);
  });

  it("are two after a run that was to be resumed, when the receiver does not hold what it left", async () => {
    const { job, play, pass } = stageOf({ resumption: "held" });
    job().distrust();
    job().begin();
    await play();
    expect(job().hasTakenOver).toBe(false);
    await pass(TIMEOUT_MS);
    await play();
    expect(job().hasTakenOver).toBe(true);
  });

  it("are still one after a stopped run of our own, whatever the receiver holds", async () => {
    const { job, play } = stageOf(STOPPED);
    job().distrust();
    job().begin();
    await play();
    expect(job().hasTakenOver).toBe(true);
  });

  it("are none where audits are off", async () => {
    const { job, play, stage } = stageOf({ settings: { auditIntervalMs: 0 }, resumption: "held" });
    job().begin();
    expect([job().state, await play(), stage.kinds(), job().hasTakenOver]).toEqual(["off", [], [], false]);
  });

  it("are none, but one each interval, where the receiver alone asks for audits", async () => {
    const { job, play, pass, stage } = stageOf({
      settings: { auditIntervalMs: 0 },
      session: { auditIntervalMs: 7_000 },
    });
    job().begin();
    expect([job().state, await play()]).toEqual(["waiting", []]);
    await pass(7_000);
    expect(await play()).toEqual(WHOLE);
    expect([job().hasTakenOver, stage.kinds()]).toEqual([false, []]);
  });

  it("are none of a source that knows no audits", async () => {
    const { job, stage, play } = stageOf();
    Object.assign(stage.source, { getAuditIterator: undefined });
    job().begin();
    expect([job().state, await play()]).toEqual(["off", []]);
    expect(() =>
      job().open({ begunAt: 0, strongSince: 0 }, { signal: new AbortController().signal } as AuditOptions),
    ).toThrow("the source knows no audits");
  });

  it("begin when they are due by themselves: the scheduler hears of it", async () => {
    const { job, stage, play, pass } = stageOf();
    const heard = ended(stage.parts.news.wait(new AbortController().signal));
    job().begin();
    await heard;
    await play();
    await stage.parts.news.wait(AbortSignal.abort());
    const again = stage.parts.news.wait(new AbortController().signal);
    await pass(TIMEOUT_MS);
    await ended(again);
  });
});

describe("an audit", () => {
  it("sends the root's row alone, and the source reads the rest after it was accepted", async () => {
    const { job, next, stage, play } = stageOf();
    job().begin();
    const first = await nextOf(next);
    expect(first.batches.map(heldBy)).toEqual(["audit /"]);
    stage.source.write("/b", 1, 5, true);
    await atRest();
    accept(first);
    expect(await play()).toEqual(["audit / /a /b", "audit end"]);
  });

  it("asks for what changed since three session timeouts before it, then since the last complete one", async () => {
    const { job, play, pass, asked } = stageOf();
    // Made when the session is.
    expect(job().state).toBe("off");
    await pass(10_500);
    job().begin();
    await play();
    await pass(TIMEOUT_MS);
    await play();
    await pass(INTERVAL_MS);
    await play();
    const begun = [0, 10.5, 40.5];
    expect(asked.map(({ strongSince }) => strongSince)).toEqual(
      begun.map((seconds) => Math.floor(STAGE_EPOCH / 1000 + seconds - 90)),
    );
  });

  it("sends what lies under a tombstone in the lifting form and as it is", async () => {
    const { job, play, stage } = stageOf();
    stage.makings.context.tombstones.noteDeleted(deleted("/a", 0));
    job().begin();
    expect(await play()).toEqual(["audit /", "audit / /a /a /a", "audit end"]);
    expect(stage.makings.context.tombstones.needs("/a")).toBe(false);
  });

  it("lifts nothing, and asks for no changes, of a source whose keys leave no tombstones", async () => {
    const { job, play, stage, asked } = stageOf();
    Object.assign(stage.source, { schema: "rows" });
    stage.makings.context.tombstones.noteDeleted(deleted("/a", 0));
    job().begin();
    expect(await play()).toEqual(WHOLE);
    expect([asked.length, asked[0] && "strongSince" in asked[0]]).toEqual([1, false]);
  });

  it("that ended has let the receiver drop the tombstones of others that are old", async () => {
    const { job, play, stage } = stageOf();
    const { tombstones } = stage.makings.context;
    tombstones.noteOthersUntil(STAGE_EPOCH / 1000 - 7201);
    job().begin();
    await play();
    expect(tombstones.mayHoldOthers).toBe(false);
  });

  it("holds the index of what was committed", async () => {
    const { job, next, stage } = stageOf();
    job().begin();
    const item = await nextOf(next);
    expect(item.batches[0]?.envelope().events[0]?.index).toBe(stage.subscription.committedIndex);
  });

  it("of which the receiver refused a row gets no end, and the next one comes after the interval", async () => {
    const { job, play, next, pass, counts, stage } = stageOf();
    job().begin();
    accept(await nextOf(next));
    job().runner.spoil();
    expect(await play()).toEqual(["audit / /a"]);
    expect([job().state, counts().cutShort, counts().runs]).toEqual(["waiting", 1, 0]);
    expect(stage.logger.messages()).toContain("an audit gets no end: the receiver refused rows of it");
    await pass(INTERVAL_MS);
    expect(await play()).toEqual(WHOLE);
    expect(job().hasTakenOver).toBe(false);
  });

  it.each([
    [new Error("a defect"), "warn", "a defect"],
    [new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "away"), "info", "away"],
  ] as const)("that the source cuts short begins anew after a pause: %s", async (error, level, reason) => {
    const { job, play, pass, counts, stage } = stageOf();
    stage.source.breakSnapshot(error, 1);
    job().begin();
    expect(await play()).toEqual(["audit /"]);
    expect([job().state, counts().cutShort]).toEqual(["pausing", 1]);
    const said = `an audit was cut short and starts anew: ${reason}`;
    expect(stage.logger.entries.find(({ message }) => message === said)?.level).toBe(level);
    await pass(20);
    expect(job().state).toBe("running");
    expect(await play()).toEqual(WHOLE);
  });

  it("that is cancelled sends nothing more, and none begins by itself", async () => {
    const { job, play, next, stage, pass, counts } = stageOf();
    job().begin();
    const item = await nextOf(next);
    expect(job().state).toBe("running");
    job().cancel();
    expect(item.isCancelled()).toBe(true);
    item.abandoned();
    expect([job().state, await play(), counts().cutShort]).toEqual(["off", [], 1]);
    await ended(job().close());
    expect(stage.source.chunksOut).toBe(0);
    await pass(INTERVAL_MS);
    expect(await play()).toEqual([]);
  });

  it("that waits for its time is cancelled with its timer", async () => {
    const { job, play, stage } = stageOf(STOPPED);
    job().begin();
    await play();
    expect(stage.clock.pending).toBe(1);
    job().begin();
    expect([stage.clock.pending, job().state]).toEqual([0, "running"]);
    await play();
    await ended(job().close());
    expect([stage.clock.pending, job().state]).toEqual([0, "off"]);
  });
});
