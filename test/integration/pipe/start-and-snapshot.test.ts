import { describe, expect, it } from "vitest";
import { FustorError } from "../../../src/sdk/index.ts";
import { PipeHarness, until } from "../../support/pipe-harness.ts";

function plant(harness: PipeHarness, directories: number, files: number): void {
  for (let d = 0; d < directories; d++) {
    harness.source.mkdir(`/d${d}`, 1_700_000_000 + d, true);
    for (let f = 0; f < files; f++) harness.source.write(`/d${d}/f${f}`, f, 1_700_000_000 + f, true);
  }
}

const ends = (harness: PipeHarness): number => harness.sender.accepted.filter((envelope) => envelope.isEnd).length;

describe("a pipe that starts", () => {
  it("makes the view equal to the tree and ends exactly one snapshot", async () => {
    const harness = new PipeHarness();
    plant(harness, 12, 40);
    await harness.start();
    await until(
      () => harness.isSettled,
      () => harness.pipe.status(),
    );
    expect(harness.differences()).toEqual([]);
    expect(ends(harness)).toBe(1);
    expect(harness.sender.accepted.at(-1)?.isEnd).toBe(true);
    expect(harness.pipe.status()).toMatchObject({ state: "running", role: "leader", snapshot: "complete" });
    expect(harness.source.chunksOut).toBe(0);
    expect(harness.source.wrongReleases).toBe(0);
  });

  it("asks for a session, then for the committed index, and beats at once without being ready for realtime", async () => {
    const harness = new PipeHarness();
    await harness.start();
    await until(() => harness.isSettled);
    const order = harness.sender.calls.map(({ call }) => call);
    expect(order[0]).toBe("createSession");
    expect(order.slice(1, 3).sort()).toEqual(["getLatestCommittedIndex", "heartbeat"]);
    expect(harness.sender.callsTo("heartbeat")[0]?.request).toEqual({ canRealtime: false });
    expect(harness.source.streams).toEqual([-1]);
  });

  it("says in its next heartbeat that the stream was polled", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    await harness.start();
    await until(() => harness.sender.callsTo("heartbeat").length > 1);
    expect(harness.sender.callsTo("heartbeat")[1]?.request).toEqual({ canRealtime: true });
  });

  it("delivers live changes while the snapshot is still running", async () => {
    const harness = new PipeHarness({ source: { directoryPauseMs: 20 } });
    plant(harness, 30, 2);
    await harness.start();
    await until(() => harness.fusion.view.has("/d1/f0"));
    harness.source.write("/live", 7);
    await until(() => harness.fusion.view.has("/live"));
    expect(harness.pipe.status().snapshot).toBe("running");
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
  });

  it("sends no end when the last rows are refused for a while, and one end after they arrived", async () => {
    const harness = new PipeHarness();
    plant(harness, 1, 5);
    let refusals = 0;
    harness.sender.setFaults((call, envelope) => {
      const hasRows = call === "push" && (envelope?.events.length ?? 0) > 0;
      return hasRows && refusals++ < 5 ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined;
    });
    await harness.start();
    await until(
      () => harness.isSettled,
      () => harness.pipe.status(),
    );
    const pushes = harness.sender.pushes;
    expect(pushes.findIndex((push) => push.isEnd)).toBe(pushes.length - 1);
    expect(pushes.length).toBeGreaterThan(5);
    expect(harness.differences()).toEqual([]);
  });

  it("repeats the end signal when only its answer was lost", async () => {
    const harness = new PipeHarness();
    plant(harness, 2, 3);
    let lost = false;
    harness.sender.setFaults((_call, envelope) => {
      if (envelope?.isEnd !== true || lost) return undefined;
      lost = true;
      return { kind: "answer_lost" };
    });
    await harness.start();
    await until(() => harness.pipe.status().snapshot === "complete");
    expect(harness.sender.pushes.filter((push) => push.isEnd)).toHaveLength(2);
  });

  it("sends no end when the source fails in the middle, and reads everything again", async () => {
    const harness = new PipeHarness();
    plant(harness, 10, 30);
    harness.source.breakSnapshot(
      new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "the root is gone", { retryable: true }),
      4,
    );
    await harness.start();
    await until(
      () => harness.isSettled,
      () => harness.pipe.status(),
    );
    expect(harness.source.snapshots).toBe(2);
    expect(ends(harness)).toBe(1);
    expect(harness.differences()).toEqual([]);
    expect(harness.source.chunksOut).toBe(0);
    expect(harness.source.wrongReleases).toBe(0);
  });

  it("waits without an end while the source is away, and says so", async () => {
    const harness = new PipeHarness();
    plant(harness, 1, 1);
    harness.source.setAvailability({ state: "unavailable", reason: "/fake is missing" });
    await harness.start();
    await until(() => harness.pipe.status().state === "waiting_for_source");
    await until(() => harness.source.snapshots > 2);
    expect(harness.sender.pushes).toEqual([]);
    expect(harness.pipe.status().info).toBe("/fake is missing");
    harness.source.setAvailability({ state: "available" });
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
    expect(harness.pipe.status().state).toBe("running");
  });

  it("suggests a snapshot as long as its own has not ended", async () => {
    const harness = new PipeHarness();
    plant(harness, 1, 1);
    await harness.start();
    await until(() => harness.isSettled);
    harness.source.write("/later", 1);
    await until(() => harness.fusion.view.has("/later"));
    const suggested = harness.sender.accepted.map((envelope) => envelope.snapshotSyncSuggested);
    expect(suggested[0]).toBe(true);
    expect(suggested.at(-1)).toBe(false);
  });
});
