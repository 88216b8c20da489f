import { describe, expect, it } from "vitest";
import type { Command } from "../../../../src/sdk/index.ts";
import { accept, nextOf, playAll } from "../../../support/bulk-play.ts";
import { deleted } from "../../../support/changes.ts";
import { SessionStage } from "../../../support/session-stage.ts";
import { ended } from "../../../support/turns.ts";

function stageOf() {
  const stage = new SessionStage();
  stage.source.mkdir("/d", 5, true);
  stage.source.write("/d/a", 1, 5, true);
  const scanned: [string, boolean][] = [];
  const scan = stage.source.scan.bind(stage.source);
  stage.source.scan = (path, recursive, call) => {
    scanned.push([path, recursive]);
    return scan(path, recursive, call);
  };
  const job = () => stage.parts.bulk.scans;
  const next = () => job().runner.next();
  const play = (): Promise<string[]> => playAll(next);
  const counts = () => stage.makings.counters.scans;
  /** What the completions said that were sent. */
  const completions = async (): Promise<unknown[]> => {
    const said: unknown[] = [];
    await playAll(() => {
      const item = next();
      for (const batch of item?.batches ?? []) {
        const { metadata } = batch.envelope();
        if (metadata !== undefined) said.push(metadata);
      }
      return item;
    });
    return said;
  };
  return { stage, scanned, job, next, play, counts, completions };
}

const scan = (path: unknown, more: Record<string, unknown> = {}): Command => ({ type: "scan", path, ...more });
const many = (count: number): Command[] => Array.from({ length: count }, (_, i) => scan(`/n${i}`));

describe("a scan that the receiver asks for", () => {
  it("sends the rows at its path and everything below, then its completion", async () => {
    const { job, play, counts, scanned, stage } = stageOf();
    const heard = ended(stage.parts.news.wait(new AbortController().signal));
    job().add([scan("/d")]);
    await heard;
    expect(await play()).toEqual(["on_demand_job /d /d/a", "job complete"]);
    expect([counts(), scanned]).toEqual([{ done: 1, failed: 0, refused: 0 }, [["/d", true]]]);
    expect(stage.logger.entries).toMatchObject([
      { level: "info", facts: { path: "/d", rows: 2 }, message: "a scan that Fusion asked for is complete" },
    ]);
  });

  it("may be of the path alone", async () => {
    const { job, play, scanned } = stageOf();
    job().add([scan("/d", { recursive: false }), scan("/d", { recursive: "odd" })]);
    await play();
    expect(scanned).toEqual([
      ["/d", false],
      ["/d", true],
    ]);
  });

  it("names its path and the job in its completion", async () => {
    const { job, completions } = stageOf();
    job().add([scan("/d", { job_id: 7 }), scan("/d")]);
    expect(await completions()).toStrictEqual([{ scan_path: "/d", job_id: 7 }, { scan_path: "/d" }]);
  });

  it("that fails is completed with what was wrong", async () => {
    const { job, completions, counts, stage } = stageOf();
    job().add([scan("/../x", { job_id: "j" }), scan("/d")]);
    expect(await completions()).toStrictEqual([
      { scan_path: "/../x", job_id: "j", error: "/../x is refused" },
      { scan_path: "/d" },
    ]);
    expect(counts()).toEqual({ done: 1, failed: 1, refused: 0 });
    expect(stage.logger.messages()).toContain("a scan that Fusion asked for failed: /../x is refused");
  });

  it("cannot be carried out by a source that knows none", async () => {
    const { job, completions, stage } = stageOf();
    Object.assign(stage.source, { scan: undefined });
    job().add([scan("/d")]);
    expect(await completions()).toMatchObject([{ error: "the source knows no scans" }]);
  });

  it("without a path is not one", async () => {
    const { job, play, stage } = stageOf();
    job().add([scan(undefined), scan(""), scan("/d")]);
    expect(await play()).toEqual(["on_demand_job /d /d/a", "job complete"]);
    expect(stage.logger.entries[0]).toMatchObject({ level: "warn", facts: { count: 2 } });
    stage.parts.bulk.scans.add([scan("/d")]);
    expect(stage.logger.entries.filter(({ level }) => level === "warn").length).toBe(1);
  });

  it("lifts what lies under a tombstone, of a source whose keys leave any", async () => {
    const files = stageOf();
    files.stage.makings.context.tombstones.noteDeleted(deleted("/d/a", 0));
    files.job().add([scan("/d")]);
    expect(await files.play()).toEqual(["on_demand_job /d /d/a /d/a", "job complete"]);
    const rows = stageOf();
    Object.assign(rows.stage.source, { schema: "rows" });
    rows.stage.makings.context.tombstones.noteDeleted(deleted("/d/a", 0));
    rows.job().add([scan("/d")]);
    expect(await rows.play()).toEqual(["on_demand_job /d /d/a", "job complete"]);
  });

  it("is carried out after the one before it and its completion", async () => {
    const { job, play } = stageOf();
    job().add([scan("/d"), scan("/d/a")]);
    expect(await play()).toEqual(["on_demand_job /d /d/a", "job complete", "on_demand_job /d/a", "job complete"]);
  });

  it("is refused when sixteen others wait, and its completion comes after theirs", async () => {
    const { job, completions, counts, stage } = stageOf();
    job().add([...many(16), scan("/d", { recursive: false, job_id: 16 }), scan("/late")]);
    expect(counts().refused).toBe(2);
    expect(stage.logger.entries).toMatchObject([{ level: "warn", facts: { count: 2, path: "/d" } }]);
    const said = (await completions()) as { scan_path: string; error?: string }[];
    const refused = said.filter(({ error }) => error === "too many scans are waiting");
    expect(refused).toEqual([
      { scan_path: "/d", job_id: 16, error: "too many scans are waiting" },
      { scan_path: "/late", error: "too many scans are waiting" },
    ]);
    expect([said.length, counts().done]).toEqual([18, 16]);
  });

  it("that is done is told of before those that were refused", async () => {
    const { job, next, completions } = stageOf();
    job().add([scan("/d")]);
    const item = await nextOf(next);
    job().add([...many(17)]);
    accept(item);
    const said = (await completions()) as { scan_path: string; error?: string }[];
    expect(said.slice(0, 2)).toEqual([{ scan_path: "/d" }, { scan_path: "/n16", error: "too many scans are waiting" }]);
  });

  it("that fails is told of before those that were refused", async () => {
    const { job, next, completions, stage } = stageOf();
    stage.source.breakSnapshot(new Error("broken"), 0);
    job().add([scan("/d")]);
    next();
    job().add([...many(17)]);
    const said = (await completions()) as { scan_path: string; error?: string }[];
    expect(said.slice(0, 2)).toEqual([
      { scan_path: "/d", error: "broken" },
      { scan_path: "/n16", error: "too many scans are waiting" },
    ]);
  });

  it("that was refused beyond sixty-four others is only counted", async () => {
    const { job, completions, counts } = stageOf();
    job().add(many(16 + 60));
    job().add(many(10));
    expect(counts().refused).toBe(70);
    const said = (await completions()) as { error?: string }[];
    expect(said.filter(({ error }) => error !== undefined).length).toBe(64);
  });

  it("is none when nothing is asked for: nobody is woken", async () => {
    const { job, stage, play } = stageOf();
    job().add([]);
    let isHeard = false;
    const stop = new AbortController();
    const wait = stage.parts.news.wait(stop.signal).then(() => {
      isHeard = true;
    });
    expect(await play()).toEqual([]);
    expect(isHeard).toBe(false);
    stop.abort();
    await wait;
  });

  it("is not taken any more after a cancel, nor is anything of one sent", async () => {
    const { job, next, play, stage } = stageOf();
    job().add([scan("/d"), ...many(17)]);
    const item = await nextOf(next);
    job().cancel();
    expect(item.isCancelled()).toBe(true);
    item.abandoned();
    job().add([scan("/d")]);
    expect(await play()).toEqual([]);
    await ended(job().close());
    expect(stage.source.chunksOut).toBe(0);
  });

  it("carries the index of what was committed", async () => {
    const { job, next, stage } = stageOf();
    job().add([scan("/d")]);
    const item = await nextOf(next);
    expect(item.batches[0]?.envelope().events[0]?.index).toBe(stage.subscription.committedIndex);
  });
});
