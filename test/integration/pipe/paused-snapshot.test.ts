/** What an operator does with a snapshot that runs, against the embedded Fusion. */
import { describe, expect, it } from "vitest";
import { PATIENCE } from "../../support/patience.ts";
import { elapse, PipeHarness, stays, until } from "../../support/pipe-harness.ts";

type HarnessOptions = ConstructorParameters<typeof PipeHarness>[0];

const OLD = 1_700_000_000;
const SLOW = { directoryPauseMs: 3, chunkRows: 7, poolChunks: 5 };

/** A leader in the middle of its first snapshot, which is paused. */
async function paused(options: HarnessOptions = {}): Promise<PipeHarness> {
  const harness = new PipeHarness({
    fusion: { sessionTimeoutMs: 300 },
    ...options,
    source: { ...SLOW, ...options.source },
  });
  for (let d = 0; d < 60; d++) {
    harness.source.mkdir(`/d${d}`, OLD + d, true);
    for (let f = 0; f < 5; f++) harness.source.write(`/d${d}/f${f}`, f, OLD, true);
  }
  await harness.start();
  await until(() => snapshots(harness) > 5);
  expect(harness.pipe.commandSnapshot("pause")).toBe(true);
  await until(() => harness.pipe.status().snapshot === "paused");
  await elapse(20);
  return harness;
}

const snapshots = ({ sender }: PipeHarness): number =>
  sender.accepted.filter(({ sourceType, isEnd }) => sourceType === "snapshot" && !isEnd).length;

const sessionOf = (harness: PipeHarness): string =>
  harness.fusion.sessions.find((id) => !id.endsWith("other")) as string;

const isEqual = (harness: PipeHarness): Promise<void> =>
  until(
    () => harness.isSettled && harness.differences().length === 0,
    () => [harness.differences(), harness.pipe.status()],
    60_000,
  );

describe("a snapshot that is paused", () => {
  it("sends nothing and reads nothing while realtime changes go on, and then sends the rest, with one end", async () => {
    const harness = await paused();
    const { source, fusion, pipe } = harness;
    const sent = snapshots(harness);
    for (const path of ["/d0/f0", "/d59", "/d30/f1"]) source.remove(path);
    source.write("/d58/f0", 99, OLD - 1);
    source.write("/live", 1);
    await until(() => fusion.view.has("/live") && fusion.view.get("/d58/f0")?.size === 99);
    // Longer than a session lasts without heartbeats.
    await stays(
      () => snapshots(harness) === sent && source.chunksOut <= 3 && fusion.ends === 0,
      1_000,
      () => `${snapshots(harness)} batches instead of ${sent}, ${source.chunksOut} chunks`,
    );
    expect(pipe.status()).toMatchObject({ state: "running", snapshot: "paused" });
    expect(pipe.status().snapshotPausedForMs).toBeGreaterThan(1_000);
    expect([pipe.commandSnapshot("resume"), pipe.commandSnapshot("resume")]).toEqual([true, false]);
    await isEqual(harness);
    expect([fusion.ends, source.snapshots, pipe.status().snapshotPausedForMs]).toEqual([1, 1, undefined]);
  });

  it("is not begun again by a receiver that asks for one, nor by an operator", async () => {
    const harness = await paused();
    harness.sender.setFaults((call) => (call === "heartbeat" ? { kind: "asks_for_snapshot" } : undefined));
    await elapse(500);
    expect([harness.pipe.snapshotNow(), harness.pipe.status().snapshot]).toEqual(["runs already", "paused"]);
    harness.sender.noFaults();
    harness.pipe.commandSnapshot("resume");
    await isEqual(harness);
    expect(harness.source.snapshots).toBe(1);
  });

  it("lets directories be told again that changed too often, and then begins anew", async () => {
    const harness = await paused({
      bus: { maxChanges: 50, maxBytes: 1e6, maxCoalesced: 60 },
      source: { rescans: true },
    });
    const { source, pipe, lease } = harness;
    const collapses = lease.busStatus().collapses;
    harness.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined));
    for (let d = 0; d < 40; d++) {
      for (let f = 0; f < 5; f++) source.remove(`/d${d}/f${f}`);
      source.write(`/d${d}/new`, d, OLD);
      await elapse(1);
    }
    await until(() => lease.busStatus().collapses > collapses);
    harness.sender.noFaults();
    await until(
      () => pipe.status().rescans.runs > 0 && pipe.status().rescans.pending === 0,
      () => pipe.status(),
      60_000,
    );
    expect([pipe.status().snapshot, source.chunksOut]).toEqual(["paused", 0]);
    pipe.commandSnapshot("resume");
    await isEqual(harness);
    expect(source.snapshots).toBeGreaterThan(1);
  });

  it("is over when the session is lost: the next one sends a whole snapshot by itself", async () => {
    const harness = await paused();
    harness.fusion.expire(sessionOf(harness));
    await isEqual(harness);
    expect([harness.fusion.ends, harness.source.snapshots]).toEqual([1, 2]);
  });

  it("is over when another agent leads: that one sends the whole, and so does this one when it leads again", async () => {
    const harness = await paused();
    const other = new PipeHarness({ beside: harness, fusion: { sessionTimeoutMs: 300 } });
    await other.start();
    harness.fusion.appoint("another agent");
    await until(() => harness.pipe.status().role === "follower");
    expect(harness.pipe.status()).toMatchObject({ snapshot: "none" });
    expect(harness.pipe.commandSnapshot("resume")).toBe(false);
    await isEqual(other);
    harness.fusion.appoint(sessionOf(harness));
    await isEqual(harness);
    expect(harness.fusion.ends).toBe(1);
  });

  it("is stopped within the deadline, without an end, and the next run sends the whole", async () => {
    const harness = await paused();
    const { source, fusion } = harness;
    const ends = fusion.ends;
    await harness.stop({ deadlineMs: 1_000 });
    expect([source.chunksOut, fusion.ends - ends, harness.pipe.status().state]).toEqual([0, 0, "stopped"]);
    await harness.restart();
    await isEqual(harness);
    expect(fusion.ends).toBe(1);
  });
});

describe("a snapshot that is cancelled", () => {
  it("gets no end; realtime changes go on; the receiver's next question begins another", async () => {
    const harness = await paused();
    const { source, fusion, pipe } = harness;
    pipe.commandSnapshot("cancel");
    const sent = snapshots(harness);
    source.write("/live", 1);
    await until(() => fusion.view.has("/live"));
    await stays(
      () => snapshots(harness) === sent && fusion.ends === 0,
      1_000,
      () => "nothing of it is sent",
    );
    expect([pipe.status().snapshot, source.chunksOut]).toEqual(["cancelled", 0]);
    harness.sender.setFaults((call) => (call === "heartbeat" ? { kind: "asks_for_snapshot" } : undefined));
    await until(() => source.snapshots === 2);
    harness.sender.noFaults();
    await isEqual(harness);
    expect(fusion.ends).toBe(1);
  });

  it("is begun again by hand", async () => {
    const harness = await paused();
    harness.pipe.commandSnapshot("cancel");
    expect(harness.pipe.snapshotNow()).toBeUndefined();
    await isEqual(harness);
    expect([harness.fusion.ends, harness.source.snapshots]).toEqual([1, 2]);
  });

  it("leaves the receiver without the history: the next run does not take it for held", async () => {
    const harness = await paused();
    harness.pipe.commandSnapshot("cancel");
    await harness.restart();
    await isEqual(harness);
    expect([harness.fusion.ends, harness.source.snapshots]).toEqual([1, 2]);
  });
});

const seed = Number(process.env.FUSTOR_RANDOM_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe("pauses, cancels and changes in any order", () => {
  it(`leave the view equal to the tree (FUSTOR_RANDOM_SEED=${seed})`, { timeout: 60_000 * PATIENCE }, async () => {
    let state = seed;
    const below = (most: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * most);
    };
    const harness = await paused({
      source: { rescans: true },
      bus: { maxChanges: 30, maxBytes: 1e6, maxCoalesced: 160 },
    });
    const { source, pipe } = harness;
    const rescans = () => pipe.status().rescans;
    for (let round = 0; round < 400; round++) {
      for (let i = below(12); i > 0; i--) {
        const path = `/d${below(70)}`;
        if (!source.tree.has(path)) source.mkdir(path, OLD - below(1e6));
        else if (below(8) === 0) source.remove(path);
        else if (below(3) === 0) source.remove(`${path}/f${below(8)}`);
        else source.write(`${path}/f${below(8)}`, below(1e4), OLD - below(1e6));
      }
      const what = below(14);
      if (what < 3) pipe.commandSnapshot((["pause", "resume", "cancel"] as const)[what] ?? "pause");
      if (what === 3) pipe.snapshotNow();
      if (what === 4 && below(4) === 0) harness.fusion.expire(sessionOf(harness));
      await elapse(below(5));
    }
    await until(
      () => pipe.status().role === "leader",
      () => pipe.status(),
    );
    pipe.commandSnapshot("resume");
    // What was cancelled last is asked for again.
    await until(() => pipe.status().snapshot !== "cancelled" || pipe.snapshotNow() === undefined);
    // After a loss only an audit makes the view equal, and this pipe sends none.
    const isLost = (): boolean => harness.lease.busStatus().losses > 0;
    await until(
      () => harness.isSettled && rescans().state === "none" && (isLost() || harness.differences().length === 0),
      () => [harness.differences(), pipe.status(), harness.lease.busStatus()],
      60_000,
    );
    await harness.stop();
    expect([source.wrongReleases, source.chunksOut]).toEqual([0, 0]);
  });
});
