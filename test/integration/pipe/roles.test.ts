import { describe, expect, it } from "vitest";
import { PipeHarness, until } from "../../support/pipe-harness.ts";

const other = { taskId: "other", sourceType: "fs", sourceUri: "/" };

function plant(harness: PipeHarness, directories: number): void {
  for (let d = 0; d < directories; d++) {
    harness.source.mkdir(`/d${d}`, 1_700_000_000 + d, true);
    harness.source.write(`/d${d}/f`, d, 1_700_000_000 + d, true);
  }
}

const snapshots = (harness: PipeHarness): readonly object[] =>
  harness.sender.pushes.filter((push) => push.sourceType === "snapshot");
const sessionOf = (harness: PipeHarness): string =>
  harness.fusion.sessions.find((id) => !id.endsWith("other")) as string;
const beats = (harness: PipeHarness): number =>
  harness.sender.callsTo("heartbeat").filter(({ accepted }) => accepted).length;

async function nextBeat(harness: PipeHarness): Promise<void> {
  const before = beats(harness);
  await until(() => beats(harness) > before + 1);
}

describe("a follower", () => {
  it("sends live changes but neither a snapshot row nor an end", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    plant(harness, 5);
    harness.fusion.createSession(other);
    await harness.start();
    await until(() => harness.pipe.status().state === "running");
    harness.source.write("/live", 1);
    await until(() => harness.fusion.view.has("/live"));
    harness.sender.setFaults((call) => (call === "heartbeat" ? { kind: "asks_for_snapshot" } : undefined));
    await nextBeat(harness);
    expect(harness.pipe.status().role).toBe("follower");
    expect(snapshots(harness)).toEqual([]);
    expect(harness.source.snapshots).toBe(0);
  });

  it("that is promoted snapshots and ends once", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    plant(harness, 5);
    harness.fusion.createSession(other);
    await harness.start();
    await until(() => harness.pipe.status().state === "running");
    harness.fusion.appoint(sessionOf(harness));
    await until(() => harness.isSettled);
    expect(harness.fusion.ends).toBe(1);
    expect(harness.differences()).toEqual([]);
  });
});

describe("a leader that is demoted", () => {
  it("sends nothing more of its snapshot, and after its next promotion a whole one", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 }, source: { directoryPauseMs: 15 } });
    plant(harness, 60);
    await harness.start();
    await until(() => snapshots(harness).length > 2);
    harness.fusion.appoint("another agent");
    await until(() => harness.pipe.status().role === "follower");
    const sent = snapshots(harness).length;
    await nextBeat(harness);
    expect(snapshots(harness)).toHaveLength(sent);
    expect(harness.fusion.ends).toBe(0);
    expect(harness.source.chunksOut).toBe(0);
    harness.fusion.appoint(sessionOf(harness));
    await until(() => harness.isSettled);
    expect(harness.fusion.ends).toBe(1);
    expect(harness.source.snapshots).toBe(2);
    expect(harness.differences()).toEqual([]);
  });

  it("gives up a snapshot batch that it is trying again", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    plant(harness, 5);
    harness.sender.setFaults((call) =>
      call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
    );
    await harness.start();
    await until(() => snapshots(harness).length > 2);
    harness.fusion.appoint("another agent");
    await until(() => harness.pipe.status().role === "follower");
    const sent = snapshots(harness).length;
    await nextBeat(harness);
    expect(snapshots(harness).length - sent).toBeLessThan(2);
    expect(harness.source.chunksOut).toBe(0);
    expect(harness.source.wrongReleases).toBe(0);
  });

  it("after its snapshot is complete ends another one when it leads again in the same session", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    plant(harness, 5);
    await harness.start();
    await until(() => harness.isSettled);
    harness.fusion.appoint("another agent");
    await until(() => harness.pipe.status().role === "follower");
    harness.fusion.appoint(sessionOf(harness));
    await until(() => harness.fusion.ends === 2);
    expect(harness.sender.callsTo("createSession")).toHaveLength(1);
    expect(harness.source.snapshots).toBe(2);
  });
});

describe("a leader whose Fusion names its position", () => {
  it("sends only the end after a reconnect that lost nothing", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300, tellsIndex: true } });
    plant(harness, 5);
    await harness.start();
    await until(() => harness.isSettled);
    harness.source.write("/live", 1);
    await until(() => harness.fusion.view.has("/live"));
    harness.fusion.createSession(other);
    harness.fusion.expire(sessionOf(harness));
    harness.fusion.appoint(undefined);
    harness.source.write("/meanwhile", 1);
    await until(() => harness.fusion.ends === 2);
    expect(harness.source.snapshots).toBe(1);
    await until(() => harness.differences().length === 0);
  });

  it("sends everything again when that position is behind what it acknowledged", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300, tellsIndex: true } });
    plant(harness, 5);
    await harness.start();
    await until(() => harness.isSettled);
    harness.fusion.expire(sessionOf(harness));
    await until(() => harness.fusion.resets === 1 && harness.isSettled);
    expect(harness.source.snapshots).toBe(2);
    expect(harness.differences()).toEqual([]);
  });

  it("starts the source's stream there, and sends only the end when the source can", async () => {
    const harness = new PipeHarness({ fusion: { tellsIndex: true }, source: { keepsHistory: true } });
    const earlier = harness.fusion.createSession(other);
    const task = harness.fusion.createSession({ ...other, taskId: "agent-1:pipe-1" });
    const row = { path: "/x", modified_time: 1, size: 1, is_directory: false };
    const event = { eventType: "update", messageSource: "realtime", index: 77, rows: [row] } as const;
    harness.fusion.ingest(task.sessionId, { events: [event] });
    harness.fusion.appoint(undefined);
    await harness.start();
    await until(() => harness.pipe.status().snapshot === "complete");
    expect(harness.source.streams).toEqual([77]);
    expect(harness.source.snapshots).toBe(0);
    expect(harness.fusion.sessions).toContain(earlier.sessionId);
  });
});

describe("a Fusion that asks for a snapshot", () => {
  it("in the answer to a live batch gets one, and only one", async () => {
    const harness = new PipeHarness();
    plant(harness, 5);
    await harness.start();
    await until(() => harness.isSettled);
    let asks = 0;
    harness.sender.setFaults((call) => (call === "push" && asks++ === 0 ? { kind: "asks_for_snapshot" } : undefined));
    harness.source.write("/live", 1);
    await until(() => harness.fusion.ends === 2);
    await until(() => harness.isSettled);
    expect(harness.source.snapshots).toBe(2);
  });

  it("with every answer until one ended gets one", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    harness.sender.setFaults(() => (harness.fusion.isComplete ? undefined : { kind: "asks_for_snapshot" }));
    plant(harness, 30);
    await harness.start();
    await until(() => harness.isSettled);
    await nextBeat(harness);
    expect(harness.source.snapshots).toBe(1);
    expect(harness.fusion.ends).toBe(1);
  });
});
