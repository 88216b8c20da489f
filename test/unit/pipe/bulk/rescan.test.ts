import { describe, expect, it } from "vitest";
import { FustorError, type Role } from "../../../../src/sdk/index.ts";
import { accept, nextOf, playAll } from "../../../support/bulk-play.ts";
import { deleted, written } from "../../../support/changes.ts";
import { SessionStage, STAGE_EPOCH, type StageOptions } from "../../../support/session-stage.ts";
import { ended } from "../../../support/turns.ts";

function stageOf(options: StageOptions = {}, role: Role = "leader") {
  const stage = new SessionStage({ source: { rescans: true }, ...options });
  for (const directory of ["/d", "/e"]) stage.source.mkdir(directory, 5, true);
  stage.source.write("/d/a", 1, 5, true);
  stage.source.write("/e/b", 1, 5, true);
  const job = () => stage.parts.bulk.rescan;
  const at = { role };
  const next = () => job().next(at.role);
  const play = (): Promise<string[]> => playAll(next);
  const counts = () => stage.makings.counters.rescans;
  const dirty = () => stage.makings.dirty;
  const lost = (): string[] => stage.of("changes lost").map(({ reason }) => reason);
  return { stage, job, at, next, play, counts, dirty, lost };
}

const NOTHING = { runs: 0, directories: 0, rows: 0, cutShort: 0 };

describe("a rescan of a leader", () => {
  it("tells each directory by a row of an audit and live rows, and ends the audit", async () => {
    const { stage, job, play, counts, dirty } = stageOf();
    const heard = ended(stage.parts.news.wait(new AbortController().signal));
    expect(job().state).toBe("none");
    job().add(["/d", "/e"]);
    await heard;
    expect([job().state, job().isBusy, dirty().size]).toEqual(["waiting", false, 2]);
    const held = await play();
    expect(held[0]).toBe("audit /d");
    expect(held.at(-1)).toBe("audit end");
    const told = (kind: string): string[] =>
      held
        .filter((batch) => batch.startsWith(kind))
        .flatMap((batch) => batch.split(" ").slice(1))
        .sort();
    expect(told("message")).toEqual(["/d", "/d", "/d/a", "/e", "/e/b"]);
    expect(told("audit")).toEqual(["/d", "/d", "/e", "end"]);
    expect(counts()).toEqual({ runs: 1, directories: 2, rows: 5, cutShort: 0 });
    expect([job().state, dirty().size, stage.events]).toEqual(["none", 0, []]);
    expect(stage.logger.entries.at(-1)).toMatchObject({ level: "info", facts: { directories: 2, rows: 5 } });
  });

  it("counts its own rows alone", async () => {
    const { job, play, counts } = stageOf();
    job().add(["/d"]);
    await play();
    job().add(["/d"]);
    await play();
    expect(counts()).toEqual({ runs: 2, directories: 2, rows: 6, cutShort: 0 });
  });

  it("says how many directories it tells while it runs", async () => {
    const { job, next } = stageOf();
    expect(job().telling).toBe(0);
    job().add(["/d", "/e"]);
    const item = await nextOf(next);
    expect([job().telling, job().state, job().isBusy]).toEqual([2, "running", true]);
    item.abandoned();
  });

  it("reads everything but the first row after that was accepted", async () => {
    const { stage, job, next, play } = stageOf();
    job().add(["/d"]);
    const first = await nextOf(next);
    stage.source.write("/d/late", 1, 5, true);
    expect(accept(first)).toEqual(["audit /d", "message /d"]);
    expect((await play()).join(" ")).toContain("/d/late");
  });

  it("says of a file whether it may have a writer still, and nothing of a directory", async () => {
    const { stage, job, next } = stageOf({}, "follower");
    stage.source.write("/d/now", 1, STAGE_EPOCH / 1000 - 1.5, true);
    stage.source.write("/d/then", 1, STAGE_EPOCH / 1000 - 2, true);
    job().add(["/d"]);
    const rows = new Map<unknown, unknown>();
    await playAll(() => {
      const item = next();
      for (const batch of item?.batches ?? []) {
        for (const { rows: data } of batch.envelope().events)
          if (data.kind === "objects") for (const row of data.rows) rows.set(row.path, row.is_atomic_write);
      }
      return item;
    });
    expect(Object.fromEntries(rows as Map<string, unknown>)).toEqual({
      "/d": undefined,
      "/d/a": true,
      "/d/now": false,
      "/d/then": true,
    });
  });

  it("says nothing of writers, of a source whose keys leave no tombstones", async () => {
    const { stage, job, next } = stageOf({}, "follower");
    Object.assign(stage.source, { schema: "rows" });
    job().add(["/d/a"]);
    const item = await nextOf(next);
    const [data] = item.batches[0]?.envelope().events.map(({ rows }) => rows) ?? [];
    expect(data?.kind === "objects" && "is_atomic_write" in (data.rows[0] ?? {})).toBe(false);
    item.abandoned();
  });

  it("lifts tombstones, and carries the index of what was committed", async () => {
    const { stage, job, next } = stageOf({}, "follower");
    stage.makings.context.tombstones.noteDeleted(deleted("/d/a", 0));
    job().add(["/d/a"]);
    const item = await nextOf(next);
    const events = item.batches.flatMap((batch) => batch.envelope().events);
    expect(events.slice(0, 2).map(({ messageSource, index }) => [messageSource, index])).toEqual([
      ["snapshot", stage.subscription.committedIndex],
      ["realtime", stage.subscription.committedIndex],
    ]);
    item.abandoned();
  });

  it("leaves out what a live change superseded, but tells the audit of the directory all the same", async () => {
    const { stage, job, next, play } = stageOf();
    job().add(["/d"]);
    const first = await nextOf(next);
    stage.makings.superseded.note(written("/d", 100));
    accept(first);
    stage.makings.superseded.note(written("/d/a", 100));
    stage.makings.superseded.note(written("/d", 100));
    expect(await play()).toEqual(["audit /d", "audit end"]);
  });

  it("tells nothing of a directory that was deleted meanwhile", async () => {
    const { stage, job, next, play } = stageOf();
    job().add(["/d", "/e"]);
    accept(await nextOf(next));
    stage.makings.superseded.note(deleted("/d", 100, true));
    const held = (await play()).join(" ");
    expect(held).not.toContain("/d");
    expect(held).toContain("audit /e");
  });

  it("begins anew when its first directory was deleted before anything was sent", async () => {
    const { stage, job, next, play, counts } = stageOf();
    job().add(["/d"]);
    next();
    stage.makings.superseded.note(deleted("/d", 100, true));
    expect(await play()).toEqual([]);
    expect([counts().cutShort, stage.logger.entries.at(-1)?.message]).toEqual([
      1,
      "a rescan starts anew: its first directory was deleted meanwhile",
    ]);
  });

  it("of directories that are all gone ends without an end", async () => {
    const { job, play, counts, stage } = stageOf();
    job().add(["/gone"]);
    expect(await play()).toEqual([]);
    expect(counts()).toEqual({ runs: 1, directories: 1, rows: 0, cutShort: 0 });
    expect(stage.events).toEqual([]);
  });

  it("finds the sequence of a row in the group that the row is in", async () => {
    const { stage, job, play } = stageOf({}, "follower");
    const rescan = stage.source.rescan;
    Object.assign(stage.source, {
      rescan: (...call: Parameters<NonNullable<typeof rescan>>) => {
        const bulk = rescan?.(...call);
        return { ...bulk, chunks: grouped(bulk?.chunks as AsyncIterable<Chunk>) };
      },
    });
    stage.source.write("/d/b", 1, 5, true);
    stage.source.write("/d/c", 1, 5, true);
    job().add(["/d"]);
    job().next("follower");
    for (const path of ["/d", "/d/a", "/d/b", "/d/c"]) stage.makings.superseded.note(written(path, 20));
    expect((await play()).join(" ").replaceAll("message ", "")).toBe("/d /d /d/c");
  });
});

type Chunk = Record<string, unknown> & { readonly rowCount: number };

/** Of four rows the second and the third were read before a change of sequence 20, the others after it. */
async function* grouped(chunks: AsyncIterable<Chunk>): AsyncGenerator<Chunk> {
  for await (const chunk of chunks) {
    const groups =
      chunk.rowCount === 1 ? { first: [0], sequences: [30] } : { first: [0, 1, 3], sequences: [30, 10, 40] };
    yield {
      ...chunk,
      groupFirstRow: Uint32Array.from(groups.first),
      groupSequence: Float64Array.from(groups.sequences),
      groupContainer: () => "/d",
    };
  }
}

describe("a rescan that is no audit", () => {
  it("is that of a follower: live rows alone, and no end", async () => {
    const { job, play, counts } = stageOf({}, "follower");
    job().add(["/d"]);
    const held = await play();
    expect(held.every((batch) => batch.startsWith("message"))).toBe(true);
    expect(counts()).toEqual({ runs: 1, directories: 1, rows: 3, cutShort: 0 });
  });

  it("is that after an audit which got no end, until one gets it", async () => {
    const { stage, job, play } = stageOf({ settings: { auditIntervalMs: 1_000_000 } });
    const { audit } = stage.parts.bulk;
    audit.begin();
    accept(await nextOf(() => audit.runner.next()));
    audit.cancel();
    job().add(["/d"]);
    expect((await play()).some((batch) => batch.startsWith("audit"))).toBe(false);
    audit.begin();
    await playAll(() => audit.runner.next());
    job().add(["/d"]);
    expect((await play()).at(-1)).toBe("audit end");
  });

  it("goes on without its first row when that was superseded", async () => {
    const { stage, job, next, play, counts } = stageOf({}, "follower");
    job().add(["/d"]);
    next();
    stage.makings.superseded.note(written("/d", 100));
    expect([await play(), counts().cutShort]).toEqual([["message /d/a"], 0]);
  });

  it("is not that after a complete one, whatever a follower told meanwhile", async () => {
    const { job, at, play } = stageOf();
    for (const role of ["leader", "follower", "leader"] as const) {
      at.role = role;
      job().add(["/d"]);
      expect((await play()).at(-1) === "audit end").toBe(role === "leader");
    }
  });

  it("is that of a leader when a follower went on with what a leader's had begun", async () => {
    const { job, at, next, play } = stageOf();
    job().add(["/d"]);
    accept(await nextOf(next));
    job().cancel();
    at.role = "follower";
    await play();
    at.role = "leader";
    job().add(["/d"]);
    expect((await play()).some((batch) => batch.startsWith("audit"))).toBe(false);
  });

  it("is not that of a leader when those before sent nothing", async () => {
    const { stage, job, next, play, lost } = stageOf();
    job().add(["/d"]);
    for (let i = 0; i < 3; i++) {
      next();
      stage.makings.superseded.note(deleted("/d", 100, true));
      await play();
      await stage.clock.passTo(stage.clock.now() + 5_000);
    }
    expect(lost()).toEqual(["a rescan failed again and again: its first directory was deleted meanwhile"]);
    job().add(["/e"]);
    expect((await play()).at(-1)).toBe("audit end");
  });

  it("is that after a rescan which was an audit and got no end", async () => {
    const { stage, job, next, play } = stageOf();
    job().add(["/d"]);
    accept(await nextOf(next));
    job().runner.spoil();
    await play();
    expect(stage.kinds()).toEqual(["changes lost"]);
    job().add(["/d"]);
    expect((await play()).some((batch) => batch.startsWith("audit"))).toBe(false);
  });
});

describe("a rescan that does not come to its end", () => {
  it("is one that is cancelled: its directories wait for the next one, also across sessions", async () => {
    const { job, next, play, counts, dirty, stage } = stageOf();
    job().add(["/d", "/e"]);
    const item = await nextOf(next);
    job().cancel();
    expect(item.isCancelled()).toBe(true);
    item.abandoned();
    expect([counts(), dirty().size, job().state]).toEqual([{ ...NOTHING, cutShort: 1 }, 2, "waiting"]);
    expect(await play()).not.toEqual([]);
    expect(stage.source.rescanned).toEqual([
      ["/d", "/e"],
      ["/d", "/e"],
    ]);
  });

  it("leaves the source alone when it is closed", async () => {
    const { job, next, stage, dirty } = stageOf();
    job().add(["/d"]);
    (await nextOf(next)).abandoned();
    await ended(job().close());
    expect([stage.source.chunksOut, dirty().size, job().isBusy]).toEqual([0, 1, false]);
  });

  it("is one whose source fails: it is tried again, and given up for a snapshot after the third time", async () => {
    const { stage, job, play, counts, dirty, lost } = stageOf();
    stage.source.unlistable.add("/d");
    job().add(["/d"]);
    await play();
    expect([job().isBusy, job().state, counts().cutShort, lost()]).toEqual([true, "waiting", 1, []]);
    expect(stage.logger.entries.at(-1)).toMatchObject({ level: "warn", message: "a rescan starts anew: no" });
    await stage.clock.passTo(1_000);
    await play();
    await stage.clock.passTo(2_000);
    await play();
    expect([counts().cutShort, lost(), dirty().size]).toEqual([3, ["a rescan failed again and again: no"], 0]);
    await stage.clock.passTo(10_000);
    expect([await play(), stage.source.rescanned.length]).toEqual([[], 3]);
  });

  it("is one of which the receiver refuses rows: a snapshot has to follow", async () => {
    const { job, next, play, lost, dirty, counts } = stageOf();
    job().add(["/d"]);
    accept(await nextOf(next));
    job().runner.spoil();
    const held = await play();
    expect(held).not.toContain("audit end");
    expect([lost(), dirty().size, counts().runs]).toEqual([["the receiver refuses rows of a rescan"], 0, 0]);
  });

  it("is one of too many directories", async () => {
    const { job, lost, dirty, stage, play } = stageOf();
    job().add(Array.from({ length: 20_001 }, (_, i) => `/${i}`));
    expect([lost(), dirty().size]).toEqual([["too many directories have to be told again"], 0]);
    expect(await play()).toEqual([]);
    expect(stage.logger.entries[0]).toMatchObject({ facts: { directories: 20_001 } });
  });

  it("is one that runs when too many more come", async () => {
    const { job, next, lost, dirty, counts } = stageOf();
    job().add(["/d"]);
    const item = await nextOf(next);
    job().add(Array.from({ length: 20_001 }, (_, i) => `/${i}`));
    expect(item.isCancelled()).toBe(true);
    expect([lost(), dirty().size, counts().cutShort]).toEqual([["too many directories have to be told again"], 0, 1]);
    item.abandoned();
  });

  it("is one that is cut short when too many others wait", async () => {
    const { job, next, lost, dirty } = stageOf();
    job().add(["/d", "/e"]);
    const item = await nextOf(next);
    job().add(Array.from({ length: 20_000 }, (_, i) => `/${i}`));
    expect(lost()).toEqual([]);
    job().cancel();
    item.abandoned();
    expect([lost(), dirty().size]).toEqual([["too many directories have to be told again"], 0]);
  });

  it("is one of a source that knows none", async () => {
    const { stage, job, play, lost } = stageOf({ source: { rescans: false } });
    job().add(["/d"]);
    await play();
    expect(stage.logger.entries.at(-1)).toMatchObject({
      message: "a rescan starts anew: the source knows no rescans",
    });
    expect(lost()).toEqual([]);
  });

  it("is one that a source cannot read for the moment", async () => {
    const { stage, job, play, counts } = stageOf({}, "follower");
    stage.source.breakSnapshot(new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "away"), 0);
    job().add(["/d"]);
    await play();
    await stage.clock.passTo(1_000);
    expect((await play()).length).toBeGreaterThan(0);
    expect(counts()).toEqual({ runs: 1, directories: 1, rows: 3, cutShort: 1 });
  });
});
