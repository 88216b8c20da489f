import { describe, expect, it } from "vitest";
import { accept, nextOf, playAll } from "../../../support/bulk-play.ts";
import { SessionStage, type StageOptions } from "../../../support/session-stage.ts";
import { ended } from "../../../support/turns.ts";

function stageOf(options: StageOptions = {}) {
  const stage = new SessionStage(options);
  stage.source.write("/old", 1, 5, true);
  stage.source.write("/young", 1, 50, true);
  stage.source.mkdir("/dir", 60, true);
  const job = () => stage.parts.bulk.restatement;
  const next = () => job().runner.next();
  const play = (): Promise<string[]> => playAll(next);
  return { stage, job, next, play };
}

describe("what changed around the end of the run before", () => {
  it.each([true, false])(
    "is told again by live rows in the lifting form, once (the source finds changes: %s)",
    async (findsChanges) => {
      const { stage, job, play } = stageOf({ source: { findsChanges } });
      const heard = ended(stage.parts.news.wait(new AbortController().signal));
      job().begin(10);
      await heard;
      expect(await play()).toEqual(["message /young /dir /young /dir"]);
      expect([stage.source.restatements, stage.source.snapshots]).toEqual(findsChanges ? [1, 0] : [0, 1]);
      expect(stage.kinds()).toEqual(["restated"]);
      expect(stage.logger.entries).toMatchObject([{ level: "info", facts: { rows: 2 } }]);
      expect(await play()).toEqual([]);
    },
  );

  it("names directories as such, and the index of what was committed", async () => {
    const { stage, job, next } = stageOf({ source: { findsChanges: true } });
    job().begin(55);
    const item = await nextOf(next);
    const view = stage.makings.superseded.view();
    view.begin();
    for (const batch of item.batches) batch.sending();
    expect(view.supersedes("/dir", 0)).toBe(false);
    expect(item.batches[0]?.envelope().events.map(({ index, messageSource }) => [index, messageSource])).toEqual([
      [stage.subscription.committedIndex, "snapshot"],
      [stage.subscription.committedIndex, "realtime"],
    ]);
  });

  it("is told later when the source fails, all of it", async () => {
    const { stage, job, play } = stageOf({ source: { findsChanges: true, chunkRows: 1 } });
    stage.source.breakSnapshot(new Error("away"), 1);
    job().begin(10);
    await play();
    expect(stage.kinds()).toEqual([]);
    expect(stage.logger.entries).toMatchObject([
      { level: "info", message: "what changed around the end of the run before is told later: away" },
    ]);
    await stage.clock.passTo(20);
    await play();
    expect([stage.source.restatements, stage.kinds()]).toEqual([2, ["restated"]]);
    expect(stage.logger.entries.at(-1)).toMatchObject({ facts: { rows: 2 } });
  });

  it("counts the rows of the pass that came to its end", async () => {
    const { stage, job, next, play } = stageOf({ source: { findsChanges: true, chunkRows: 1 } });
    job().begin(10);
    accept(await nextOf(next));
    job().begin(10);
    await play();
    expect(stage.logger.entries.at(-1)).toMatchObject({ facts: { rows: 2 } });
  });

  it("is no longer told after a cancel", async () => {
    const { stage, job, next, play } = stageOf();
    job().begin(10);
    const item = await nextOf(next);
    job().cancel();
    expect(item.isCancelled()).toBe(true);
    item.abandoned();
    expect([await play(), stage.kinds()]).toEqual([[], []]);
    await ended(job().close());
    expect(stage.source.chunksOut).toBe(0);
  });

  it("is told from the newest second that was given", async () => {
    const { job, next, play } = stageOf();
    job().begin(10);
    const item = await nextOf(next);
    job().begin(55);
    expect(item.isCancelled()).toBe(true);
    item.abandoned();
    expect(await play()).toEqual(["message /dir /dir"]);
  });

  it("is left alone when it is closed", async () => {
    const { job, next, play, stage } = stageOf();
    job().begin(10);
    (await nextOf(next)).abandoned();
    await ended(job().close());
    expect([await play(), stage.source.chunksOut, stage.kinds()]).toEqual([[], 0, []]);
  });
});
