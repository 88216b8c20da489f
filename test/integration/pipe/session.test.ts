import { describe, expect, it } from "vitest";
import { PipeHarness, until } from "../../support/pipe-harness.ts";
import { createRecordingLogger } from "../../support/recording-logger.ts";

const gaps = (times: readonly number[]): number[] => times.slice(1).map((at, i) => at - (times[i] as number));
const timesOf = (harness: PipeHarness, call: "heartbeat" | "createSession"): number[] =>
  harness.sender.callsTo(call).map(({ at }) => at);

describe("a session", () => {
  it("is kept alive by its own clock while pushes never stop", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 600 }, settings: { batchEvents: 1, eventRows: 1 } });
    harness.sender.setFaults((call) => (call === "push" ? { kind: "slow", delayMs: 5 } : undefined));
    await harness.start();
    const end = performance.now() + 1_800;
    let i = 0;
    await until(() => {
      harness.source.write(`/f${i++ % 50}`, i);
      return performance.now() > end;
    });
    expect(harness.sender.pushes.length).toBeGreaterThan(100);
    expect(Math.max(...gaps(timesOf(harness, "heartbeat")))).toBeLessThan(600);
    expect(harness.sender.callsTo("createSession")).toHaveLength(1);
  });

  it("beats on while a push hangs", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    harness.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
    await harness.start();
    await until(() => harness.sender.callsTo("heartbeat").length > 8);
    expect(harness.sender.callsTo("createSession")).toHaveLength(1);
  });

  it("is given up when no heartbeat got a good answer for its timeout, after quicker attempts", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 400 } });
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call) =>
      call === "heartbeat" ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
    );
    const beats = harness.sender.callsTo("heartbeat").length;
    await until(() => harness.sender.callsTo("createSession").length === 2);
    expect(harness.sender.callsTo("heartbeat").length - beats).toBeGreaterThan(4);
    expect(harness.pipe.status().failures).toBeGreaterThan(3);
    expect(harness.sender.callsTo("closeSession")[0]?.sessionId).toBe("session-1-of-agent-1:pipe-1");
    harness.sender.noFaults();
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
  });

  it("gets no rows once its last good heartbeat is older than its timeout", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    await harness.start();
    await until(() => harness.isSettled);
    let lastGood = 0;
    harness.sender.setFaults((call) => (call === "heartbeat" ? { kind: "hang" } : undefined));
    lastGood =
      timesOf(harness, "heartbeat")
        .filter((_at, i) => harness.sender.callsTo("heartbeat")[i]?.accepted)
        .at(-1) ?? 0;
    let i = 0;
    await until(() => {
      harness.source.write(`/f${i++ % 10}`, i);
      return harness.sender.callsTo("createSession").length === 2;
    });
    const first = harness.sender.calls.filter(
      ({ call, sessionId }) => call === "push" && sessionId?.startsWith("session-1") === true,
    );
    expect(Math.max(...first.map(({ at }) => at)) - lastGood).toBeLessThan(301);
  });

  for (const call of ["heartbeat", "push"] as const) {
    it(`is replaced soon and without an error when a ${call} says it is lost`, async () => {
      const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
      await harness.start();
      await until(() => harness.isSettled);
      harness.sender.setFaults((asked) => (asked === call ? { kind: "fail", code: "FUSTOR_SESSION_LOST" } : undefined));
      harness.source.write("/during", 1);
      await until(() => harness.pipe.status().state === "reconnecting");
      harness.sender.noFaults();
      const lostAt = performance.now();
      await until(() => harness.sender.callsTo("createSession").length === 2);
      expect(performance.now() - lostAt).toBeLessThan(250);
      expect(harness.pipe.status().failures).toBe(0);
      await until(
        () => harness.isSettled && harness.differences().length === 0,
        () => harness.differences(),
      );
    });
  }

  it("left behind by a crash is deleted before a new one is asked for", async () => {
    const harness = new PipeHarness();
    const ghost = harness.fusion.createSession({ taskId: "agent-1:pipe-1", sourceType: "fs", sourceUri: "/" });
    harness.store.session = ghost.sessionId;
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.pipe.status().role).toBe("leader");
    expect(harness.sender.calls[0]).toMatchObject({ call: "closeSession", sessionId: ghost.sessionId });
    expect(harness.store.session).toBe(harness.fusion.sessions[0]);
  });

  it("left behind is deleted even when nobody answers at first", async () => {
    const harness = new PipeHarness();
    const ghost = harness.fusion.createSession({ taskId: "agent-1:pipe-1", sourceType: "fs", sourceUri: "/" });
    harness.store.session = ghost.sessionId;
    harness.sender.setFaults(() => ({ kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" }));
    await harness.start();
    await until(() => harness.pipe.status().failures > 2);
    harness.sender.noFaults();
    await until(() => harness.isSettled);
    expect(harness.pipe.status().role).toBe("leader");
  });

  it("is asked for with one pause per failure, and at once when the pipe is stopped in a pause", async () => {
    const harness = new PipeHarness({
      settings: { errorRetryIntervalMs: 200, maxBackoffMs: 400 },
      parts: {
        ambience: { ...(await import("../../../src/pipe/system-ambience.ts")).systemAmbience, random: () => 0.999 },
      },
    });
    harness.sender.setFaults(() => ({ kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" }));
    await harness.start();
    await until(() => harness.sender.callsTo("createSession").length === 4);
    const [first = 0, second = 0, third = 0] = gaps(timesOf(harness, "createSession"));
    expect(first).toBeGreaterThan(190);
    expect(first).toBeLessThan(350);
    expect(second).toBeGreaterThan(390);
    expect(second).toBeLessThan(600);
    expect(third).toBeGreaterThan(390);
    expect(third).toBeLessThan(600);
    const stoppedAt = performance.now();
    await harness.stop();
    expect(performance.now() - stoppedAt).toBeLessThan(150);
    expect(harness.pipe.status().state).toBe("stopped");
  });

  it("is not asked for before the time that the receiver named", async () => {
    const harness = new PipeHarness();
    let refused = false;
    harness.sender.setFaults((call) => {
      if (call !== "createSession" || refused) return undefined;
      refused = true;
      return { kind: "fail", code: "FUSTOR_SENDER_BUSY", retryAfterMs: 400 };
    });
    await harness.start();
    await until(() => harness.isSettled);
    expect(gaps(timesOf(harness, "createSession"))[0]).toBeGreaterThan(395);
  });

  for (const [code, state] of [
    ["FUSTOR_SENDER_KEY_REFUSED", "key_refused"],
    ["FUSTOR_SENDER_UNREACHABLE", "reconnecting"],
  ] as const) {
    it(`that ends in ${code} shows as ${state} and is asked for again`, async () => {
      const harness = new PipeHarness();
      harness.sender.setFaults((call) => (call === "createSession" ? { kind: "fail", code } : undefined));
      await harness.start();
      await until(() => harness.pipe.status().state === state);
      harness.sender.noFaults();
      await until(() => harness.pipe.status().state === "running");
    });
  }

  it("that another agent holds makes the pipe stand by until it is free", async () => {
    const harness = new PipeHarness({ fusion: { exclusive: true } });
    const { sessionId } = harness.fusion.createSession({ taskId: "other", sourceType: "fs", sourceUri: "/" });
    await harness.start();
    await until(() => harness.pipe.status().state === "standby");
    harness.fusion.closeSession(sessionId);
    await until(() => harness.isSettled);
  });

  it("of a receiver whose clock is far off warns once", async () => {
    const logger = createRecordingLogger();
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 }, parts: { logger } });
    harness.receiver.clockSkewMs = 61_000;
    await harness.start();
    await until(() => harness.sender.callsTo("heartbeat").length > 3);
    expect(logger.messages().filter((message) => message.includes("clock"))).toHaveLength(1);
    expect(harness.pipe.status().clockSkewMs).toBe(61_000);
  });

  it("runs the known commands that come with it although one of them fails, and warns of unknown ones", async () => {
    const logger = createRecordingLogger();
    const harness = new PipeHarness({ parts: { logger } });
    harness.source.write("/a", 1, 1_700_000_000, true);
    const scans = ["/../b", "/a"].map((path) => ({ type: "scan", path }));
    for (const command of [...scans, { type: "odd" }]) harness.fusion.send(command);
    await harness.start();
    await until(() => harness.pipe.status().scans.done === 1);
    await until(() => logger.messages().some((message) => message.includes("not known here")));
    const completions = () => harness.sender.accepted.filter(({ sourceType }) => sourceType === "job_complete");
    await until(() => completions().length === 2);
    expect(harness.pipe.status().scans).toMatchObject({ done: 1, failed: 1, refused: 0 });
  });

  it("tells refused and unknown commands in one counted line a heartbeat, cut short", async () => {
    const logger = createRecordingLogger();
    const harness = new PipeHarness({ parts: { logger } });
    for (let i = 0; i < 5_000; i++) harness.fusion.send({ type: i % 2 === 0 ? "upgrade" : `odd-${"x".repeat(1_000)}` });
    await harness.start();
    await until(() => logger.messages().some((message) => message.includes("not known here")));
    const lines = logger.entries.filter(({ message }) => message.startsWith("commands "));
    expect(lines.map(({ facts }) => facts.count)).toEqual([2_500, 2_500]);
    for (const { facts } of lines) expect(String(facts.types).length).toBeLessThanOrEqual(200);
  });

  it("tries again at once when it is woken, whatever the receiver asked for", async () => {
    const harness = new PipeHarness();
    harness.sender.setFaults((call) =>
      call === "createSession" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY", retryAfterMs: 300_000 } : undefined,
    );
    await harness.start();
    await until(() => harness.sender.callsTo("createSession").length === 1);
    await until(() => harness.pipe.status().failures === 1);
    harness.sender.noFaults();
    harness.pipe.wake();
    await until(() => harness.isSettled);
  });

  it("gives one snapshot per session timeout to a Fusion that asks for more and more", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 600 } });
    await harness.start();
    await until(() => harness.isSettled);
    const begin = performance.now();
    const ends = (): number =>
      harness.sender.accepted.filter(({ sourceType, isEnd }) => sourceType === "snapshot" && isEnd).length;
    const before = ends();
    harness.sender.setFaults((call) => (call === "push" ? { kind: "asks_for_snapshot" } : undefined));
    let size = 0;
    await until(() => {
      harness.source.write("/f", size++);
      return ends() - before >= 3;
    });
    expect(performance.now() - begin).toBeGreaterThan(1_150);
  });

  it("gives a snapshot that was asked for too soon when its time has come, without being asked again", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 600 } });
    await harness.start();
    await until(() => harness.isSettled);
    const ends = (): number =>
      harness.sender.accepted.filter(({ sourceType, isEnd }) => sourceType === "snapshot" && isEnd).length;
    for (let asked = 1; asked <= 2; asked++) {
      const before = ends();
      let asks = 0;
      harness.sender.setFaults((call) => (call === "push" && asks++ === 0 ? { kind: "asks_for_snapshot" } : undefined));
      harness.source.write("/f", asked);
      await until(() => ends() > before);
    }
  });

  it("never shows its whole id", async () => {
    const logger = createRecordingLogger();
    const harness = new PipeHarness({ parts: { logger } });
    await harness.start();
    await until(() => harness.isSettled);
    await harness.stop();
    expect(JSON.stringify([logger.entries, harness.pipe.status()])).not.toContain("session-1-of");
  });
});
