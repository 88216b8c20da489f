import { describe, expect, it } from "vitest";
import { FustorError, type Verified } from "../../../../src/sdk/index.ts";
import { SessionStage, type StageOptions } from "../../../support/session-stage.ts";
import { atRest, ended } from "../../../support/turns.ts";

const EVERY_MS = 100;

async function running(options: StageOptions = {}, prepare: (stage: SessionStage) => void = () => undefined) {
  const stage = new SessionStage({ settings: { sentinelIntervalMs: EVERY_MS }, ...options });
  // No round comes early.
  Object.assign(stage.clock, { random: () => 0 });
  stage.lead();
  prepare(stage);
  const stop = new AbortController();
  const run = stage.parts.sentinel.run(stop.signal);
  const counts = () => stage.makings.counters.sentinel;
  /** So many rounds come due. */
  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await stage.clock.passTo(stage.clock.now() + EVERY_MS);
      await atRest();
    }
  };
  const asked = (): number => stage.sender.callsTo("getSentinelTasks").length;
  return { stage, stop, run, counts, rounds, asked };
}

describe("the sentinel of a leader", () => {
  it("asks each interval, looks again and sends what it saw of what is there", async () => {
    const { stage, rounds, counts, asked, stop, run } = await running({}, ({ source, receiver }) => {
      source.write("/a", 12, 34, true);
      receiver.suspects = ["/a", "/gone"];
    });
    expect(asked()).toBe(0);
    await rounds(1);
    expect(stage.receiver.feedback).toEqual([{ path: "/a", mtime: 34, size: 12, status: "exists" }]);
    expect(counts()).toEqual({ rounds: 1, checked: 2, missing: 1, failures: 0 });
    await rounds(1);
    expect([asked(), counts().rounds]).toEqual([2, 2]);
    stop.abort();
    await ended(run);
    expect(stage.clock.pending).toBe(0);
  });

  it("asks up to a fifth of the interval early, so that agents that began together come apart", async () => {
    const { stage, asked } = await running();
    Object.assign(stage.clock, { random: () => 0.999 });
    // The first pause was chosen before.
    await stage.clock.passTo(EVERY_MS);
    await atRest();
    await stage.clock.passTo(1.79 * EVERY_MS);
    await atRest();
    expect(asked()).toBe(1);
    await stage.clock.passTo(1.81 * EVERY_MS);
    await atRest();
    expect(asked()).toBe(2);
  });

  it("sends nothing when nothing is there, and counts nothing when it was asked nothing", async () => {
    const { stage, rounds, counts } = await running({}, ({ receiver }) => {
      receiver.suspects = ["/gone"];
    });
    await rounds(1);
    expect(stage.sender.callsTo("sendSentinelFeedback")).toEqual([]);
    stage.receiver.suspects = [];
    await rounds(1);
    expect(counts()).toEqual({ rounds: 1, checked: 1, missing: 1, failures: 0 });
  });

  it("sends nothing of an entry whose time or size is no number", async () => {
    const row = (modified_time: unknown, size: unknown): Verified => ({
      key: "/x",
      exists: true,
      row: { modified_time, size },
    });
    const { stage, rounds } = await running({}, ({ source, receiver }) => {
      receiver.suspects = ["/x"];
      source.verify = async () => [row("5", 1), row(5, undefined), { ...row(6, 2), key: "/good" }];
    });
    await rounds(1);
    expect(stage.receiver.feedback).toEqual([{ path: "/good", mtime: 6, size: 2, status: "exists" }]);
  });

  it("looks at a thousand paths in one round at most", async () => {
    const { stage, rounds, counts } = await running({}, ({ receiver }) => {
      receiver.suspects = Array.from({ length: 1_001 }, (_, i) => `/${i}`);
    });
    await rounds(1);
    expect(counts().checked).toBe(1_000);
    expect(stage.receiver.feedback).toEqual([]);
  });

  it("leaves a task that it does not know alone", async () => {
    const { stage, rounds, counts } = await running({}, ({ receiver }) => {
      receiver.getSentinelTasks = async () => ({ type: "dance", paths: ["/a"] });
    });
    await rounds(1);
    expect(counts()).toEqual({ rounds: 0, checked: 0, missing: 0, failures: 0 });
    expect(stage.logger.entries).toMatchObject([{ level: "debug", facts: { type: "dance" } }]);
  });

  it("counts failures, warns of the first one in a row alone, and goes on", async () => {
    const { stage, rounds, counts } = await running();
    const fail = () => ({ kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" }) as const;
    stage.sender.setFaults(fail);
    await rounds(2);
    stage.sender.noFaults();
    await rounds(1);
    stage.sender.setFaults(fail);
    await rounds(1);
    expect(counts().failures).toBe(3);
    expect(stage.logger.entries.map(({ level }) => level)).toEqual(["warn", "debug", "warn"]);
    expect(stage.logger.messages()[0]).toBe("a sentinel check failed: planned: FUSTOR_SENDER_UNREACHABLE");
  });

  it("gives a round that hangs up after a minute", async () => {
    const lasting = { session: { sessionTimeoutMs: 1_000_000 } };
    const { stage, rounds, counts, asked } = await running(lasting, ({ source, receiver }) => {
      receiver.suspects = ["/a"];
      source.verify = () => new Promise(() => undefined);
    });
    await rounds(1);
    await stage.clock.passTo(EVERY_MS + 59_999);
    expect([counts().failures, asked()]).toEqual([0, 1]);
    await stage.clock.passTo(EVERY_MS + 60_000);
    await atRest();
    expect(counts().failures).toBe(1);
    await rounds(1);
    expect(asked()).toBe(2);
  });

  it("does not ask for a follower, nor when the session may have expired", async () => {
    const { stage, rounds, asked } = await running();
    stage.plan.state = { kind: "following" };
    await rounds(2);
    expect(asked()).toBe(0);
    stage.lead();
    await stage.clock.passTo(stage.session.sessionTimeoutMs);
    const before = asked();
    await rounds(2);
    expect(asked()).toBe(before);
  });

  it("sends nothing of a round in which it lost the lead", async () => {
    const { stage, rounds, counts } = await running({}, (stage) => {
      stage.source.write("/a", 1, 2, true);
      stage.receiver.suspects = ["/a"];
      const { verify } = stage.source;
      stage.source.verify = async (keys) => {
        stage.plan.state = { kind: "following" };
        return verify.call(stage.source, keys);
      };
    });
    await rounds(1);
    expect([counts().rounds, stage.receiver.feedback]).toEqual([1, []]);
  });

  it("says nothing of a round that the end of the session cut short", async () => {
    const { stage, rounds, counts, stop, run } = await running();
    stage.sender.setFaults(() => ({ kind: "hang" }));
    await rounds(1);
    stop.abort();
    await ended(run);
    expect([counts().failures, stage.logger.messages()]).toEqual([0, []]);
  });

  it("begins no round when the session ends in a pause", async () => {
    const { stop, run, asked } = await running();
    await atRest();
    stop.abort();
    await ended(run);
    expect(asked()).toBe(0);
  });

  it("takes the interval of the session before its own", async () => {
    const { stage, asked } = await running({ session: { sentinelIntervalMs: 30 } });
    await stage.clock.passTo(30);
    await atRest();
    expect(asked()).toBe(1);
  });

  it.each([
    ["it is off", { settings: { sentinelIntervalMs: 0 } }, () => undefined],
    ["the source cannot look", {}, (stage: SessionStage) => Object.assign(stage.source, { verify: undefined })],
    [
      "the receiver never asks",
      {},
      (stage: SessionStage) => Object.assign(stage.sender, { getSentinelTasks: undefined }),
    ],
  ] as const)("does nothing when %s", async (_, options, prepare) => {
    const { stage, run } = await running(options, prepare);
    await ended(run);
    expect([stage.clock.pending, stage.sender.calls]).toEqual([0, []]);
  });

  it("asks at once when it is told to, and in its interval after that", async () => {
    const { stage, rounds, asked, stop, run } = await running();
    await atRest();
    expect(stage.parts.sentinel.now()).toBe(true);
    await atRest();
    expect([asked(), stage.clock.pending]).toEqual([1, 1]);
    await rounds(1);
    expect(asked()).toBe(2);
    stop.abort();
    await ended(run);
  });

  it("cannot ask at once when it is off, or does not lead", async () => {
    const off = new SessionStage();
    off.lead();
    await off.parts.sentinel.run(new AbortController().signal);
    expect(off.parts.sentinel.now()).toBe(false);
    const { stage, asked } = await running();
    stage.plan.state = { kind: "following" };
    expect(stage.parts.sentinel.now()).toBe(false);
    stage.lead();
    await atRest();
    expect(asked()).toBe(0);
  });

  it("never fails, whatever is thrown", async () => {
    const { stop, run, rounds, counts } = await running({}, ({ receiver }) => {
      receiver.getSentinelTasks = () => Promise.reject(new FustorError("FUSTOR_SESSION_LOST", "gone"));
    });
    await rounds(1);
    stop.abort();
    await ended(run);
    expect(counts().failures).toBe(1);
  });
});
