import { describe, expect, it } from "vitest";
import { SessionRun } from "../../../../src/pipe/session/session.ts";
import type { SessionEvent } from "../../../../src/pipe/session/session-events.ts";
import { FustorError, type HeartbeatAnswer, type Role, type RowChunk } from "../../../../src/sdk/index.ts";
import { liveItem } from "../../../support/batch-context.ts";
import { written } from "../../../support/changes.ts";
import { SessionStage, STAGE_EPOCH, type StageOptions, told } from "../../../support/session-stage.ts";
import { atRest, ended, soon } from "../../../support/turns.ts";

const BEAT_MS = 9_000;
const AUDITS = { auditIntervalMs: 1_000_000 };
const HELD = { opened: { positionLost: false }, resumption: "held" } as const;

/** A session that runs, and what its source was asked for. */
function serving(options: StageOptions = {}, prepare: (stage: SessionStage) => void = () => undefined) {
  const stage = new SessionStage(options);
  const events: SessionEvent[] = [];
  const since: (number | undefined)[] = [];
  const iterate = stage.source.getSnapshotIterator.bind(stage.source);
  stage.source.getSnapshotIterator = (call) => {
    since.push(call.strongSince);
    return iterate(call);
  };
  prepare(stage);
  const session = new SessionRun(stage.makings, (event) => events.push(event));
  const end = session.run();
  const kinds = (): string[] => events.map(({ kind }) => kind);
  const pushes = (): string[] => stage.sender.pushes.map(told);
  const ends = (): number => pushes().filter((push) => push === "snapshot end").length;
  const beat = async (answer: Partial<HeartbeatAnswer>): Promise<void> => {
    stage.receiver.heartbeat = async () => ({ role: "leader", commands: [], snapshotNeeded: false, ...answer });
    await stage.clock.passTo(stage.clock.now() + BEAT_MS);
    await atRest();
  };
  const close = async (): Promise<void> => {
    session.stop(0);
    await ended(end);
  };
  return { stage, session, end, kinds, pushes, ends, since, beat, close };
}

const following = (role: Role = "follower") => ({
  session: { role },
});
const followed = (stage: SessionStage): void => {
  stage.receiver.heartbeat = async () => ({ role: "follower", commands: [], snapshotNeeded: false });
};

describe("the snapshot of a leader", () => {
  it("is one of everything when the receiver lacks the history", async () => {
    const { stage, kinds, since, close } = serving();
    await soon(() => kinds().includes("snapshot complete"));
    expect(stage.logger.entries[0]).toMatchObject({ facts: { full: true }, message: "a snapshot begins" });
    expect(since).toEqual([undefined]);
    await close();
  });

  it("is its end alone when the receiver holds the history", async () => {
    const { stage, pushes, close } = serving({ ...HELD, settings: AUDITS });
    await soon(() => pushes().includes("snapshot end"));
    await atRest();
    expect(pushes()).toEqual(["snapshot end"]);
    expect(stage.logger.entries[0]).toMatchObject({ facts: { full: false } });
    await close();
  });

  it("lifts what was changed since others may have led before", async () => {
    const { kinds, since, close } = serving({ before: { mayFollowOthers: true } });
    await soon(() => kinds().includes("snapshot complete"));
    expect(since).toEqual([STAGE_EPOCH / 1000 - 90]);
    await close();
  });

  it("lifts what was changed since another one led, and minds its tombstones, after a promotion", async () => {
    const { stage, kinds, ends, since, beat, close } = serving();
    await soon(() => kinds().includes("snapshot complete"));
    const { tombstones } = stage.makings.context;
    expect(tombstones.mayHoldOthers).toBe(false);
    await beat({ role: "follower" });
    await beat({ role: "leader" });
    await soon(() => ends() === 2);
    expect(since).toEqual([undefined, STAGE_EPOCH / 1000 + 18 - 90]);
    expect(tombstones.mayHoldOthers).toBe(true);
    await close();
  });

  it("does not trust what an earlier run left any more: two audits follow", async () => {
    const { session, kinds, pushes, close } = serving({
      settings: AUDITS,
      resumption: "held",
      opened: { positionLost: true },
    });
    await soon(() => pushes().includes("audit end"));
    expect([session.hasTakenOver, kinds().includes("took over")]).toEqual([false, false]);
    await close();
  });

  it("needs no audit after it when the receiver holds what an earlier run left", async () => {
    const { session, kinds, pushes, close } = serving({ ...HELD, settings: AUDITS });
    await soon(() => kinds().includes("took over"));
    await atRest();
    expect([session.hasTakenOver, pushes()]).toEqual([true, ["snapshot end"]]);
    await close();
  });

  it("is begun again as often as the receiver may ask for it, and no sooner", async () => {
    const { stage, kinds, ends, beat, close } = serving();
    await soon(() => kinds().includes("snapshot complete"));
    await beat({ snapshotNeeded: true });
    await soon(() => ends() === 2);
    await beat({ snapshotNeeded: true });
    expect(ends()).toBe(2);
    await beat({});
    await beat({});
    expect(kinds()).not.toContain("snapshot wanted");
    await stage.clock.passTo(stage.clock.now() + BEAT_MS);
    await soon(() => ends() === 3);
    expect(kinds()).toContain("snapshot wanted");
    await close();
  });
});

describe("a follower after a run of its own that crashed", () => {
  const crashed = { ...following(), before: { earlierRunAliveAt: STAGE_EPOCH - 10_000 } };

  it("tells again what was changed around the crash", async () => {
    const { stage, kinds, pushes, since, close } = serving(crashed, (stage) => {
      followed(stage);
      stage.source.write("/young", 1, STAGE_EPOCH / 1000, true);
      stage.source.write("/old", 1, 5, true);
    });
    await soon(() => kinds().includes("restated"));
    expect(pushes()).toEqual(["message /young /young"]);
    expect(since).toEqual([STAGE_EPOCH / 1000 - 10 - 90]);
    expect(stage.fusion.isComplete).toBe(false);
    await close();
  });

  it("tells nothing again when none crashed, or when its keys leave no tombstones", async () => {
    const first = serving(following(), followed);
    await soon(() => first.kinds().includes("stream started"));
    await atRest();
    const rows = serving(crashed, (stage) => {
      followed(stage);
      Object.assign(stage.source, { schema: "rows" });
    });
    await soon(() => rows.kinds().includes("stream started"));
    await atRest();
    expect([first.since, rows.since]).toEqual([[], []]);
    await first.close();
    await rows.close();
  });
});

describe("whether an envelope suggests a snapshot", () => {
  it("depends on who leads, and on whether the receiver lacks the history", () => {
    const { makings, plan } = new SessionStage();
    const suggests = (): boolean => makings.context.builder.live([liveItem(written("/a"))]).snapshotSyncSuggested;
    plan.state = { kind: "leading", snapshot: "begun", wasFollower: false };
    expect(suggests()).toBe(true);
    makings.history.complete();
    expect(suggests()).toBe(false);
    plan.state = { kind: "following" };
    expect(suggests()).toBe(false);
    makings.history.lose();
    expect(suggests()).toBe(false);
  });
});

describe("the end of a session", () => {
  it("waits for what is in flight", async () => {
    let answer = (): void => undefined;
    const { stage, end } = serving({}, (stage) => {
      stage.receiver.push = () =>
        new Promise((resolve) => {
          answer = () => resolve({ snapshotNeeded: false });
        });
    });
    await soon(() => stage.sender.pushes.length === 1);
    await atRest();
    let isOver = false;
    void end.then(() => {
      isOver = true;
    });
    stage.receiver.heartbeat = async () => {
      throw new FustorError("FUSTOR_SESSION_LOST", "gone");
    };
    await stage.clock.passTo(BEAT_MS);
    await atRest();
    expect(isOver).toBe(false);
    answer();
    expect(await ended(end)).toMatchObject({ kind: "lost" });
  });

  it("is that of a stop when something broke and the stop came before the source was left", async () => {
    let leave = (): void => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    async function* leaving(chunks: AsyncIterable<RowChunk>): AsyncGenerator<RowChunk> {
      try {
        yield* chunks;
      } finally {
        await left;
      }
    }
    const { session, end, stage, pushes } = serving({}, (stage) => {
      const iterate = stage.source.getSnapshotIterator.bind(stage.source);
      stage.source.getSnapshotIterator = (call) => {
        const rows = iterate(call);
        return { ...rows, chunks: leaving(rows.chunks) };
      };
    });
    await soon(() => pushes().length > 0);
    stage.subscription.take = () => {
      throw new Error("a defect");
    };
    stage.write("/a");
    await atRest();
    session.stop(5_000);
    leave();
    expect(await ended(end)).toEqual({ kind: "stopped" });
    expect(stage.clock.pending).toBe(0);
  });
});

describe("how much a POST of rows in bulk holds beside live changes", () => {
  const LARGE = { batchBytes: 10_000_000, batchEvents: 100, eventRows: 1_000 };

  /**
   * Bytes of each POST of a snapshot of about a megabyte, perhaps with a live change before it. A POST of live changes
   * takes ten milliseconds, one of rows in bulk four times as long.
   */
  async function sizes(hasLiveChange: boolean): Promise<number[]> {
    const sent: number[] = [];
    const { kinds, close } = serving({ settings: LARGE, source: { chunkRows: 2_000 } }, (stage) => {
      const name = "n".repeat(400);
      for (let i = 0; i < 1_000; i++) stage.source.write(`/${name}${i}`, 1, 5, true);
      stage.subscription.start(-1);
      if (hasLiveChange) stage.write("/live");
      stage.receiver.push = async (_, envelope) => {
        await stage.clock.passTo(stage.clock.now() + (envelope.sourceType === "snapshot" ? 40 : 10));
        if (envelope.sourceType === "snapshot" && !envelope.isEnd)
          sent.push(
            ...envelope.events.map(({ rows }) =>
              rows.kind === "encoded" ? rows.slices.reduce((sum, slice) => sum + slice.byteLength, 0) : 0,
            ),
          );
        return { snapshotNeeded: false };
      };
    });
    await soon(() => kinds().includes("snapshot complete"));
    await close();
    return sent;
  }

  it("is all that it may without any, and little at first, then what the receiver takes meanwhile", async () => {
    const whole = await sizes(false);
    expect(Math.max(...whole)).toBeGreaterThan(800_000);
    const paced = await sizes(true);
    const [, first = 0, second = 0] = paced;
    expect(first).toBeGreaterThan(200_000);
    expect(first).toBeLessThanOrEqual(262_144);
    expect(second).toBeGreaterThan(50_000);
    expect(second).toBeLessThan(70_000);
  });
});
