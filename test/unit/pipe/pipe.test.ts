import { describe, expect, it } from "vitest";
import { FustorError, type HeartbeatAnswer } from "../../../src/sdk/index.ts";
import type { LeftState } from "../../../src/sdk/state-store.ts";
import { PipeStage, type PipeStageOptions } from "../../support/pipe-stage.ts";
import { STAGE_EPOCH } from "../../support/session-stage.ts";
import { atRest, ended, soon } from "../../support/turns.ts";

const BEAT_MS = 9_000;

function running(options: PipeStageOptions = {}, prepare: (stage: PipeStage) => void = () => undefined): PipeStage {
  const stage = new PipeStage(options);
  prepare(stage);
  void stage.pipe.run();
  return stage;
}

const complete = (stage: PipeStage): Promise<void> => soon(() => stage.fusion.isComplete);
const beat = async (stage: PipeStage, answer: Partial<HeartbeatAnswer>): Promise<void> => {
  stage.receiver.heartbeat = async () => ({ role: "leader", commands: [], snapshotNeeded: false, ...answer });
  await stage.pass(BEAT_MS);
};
const failing = (stage: PipeStage, name: string): void =>
  stage.sender.setFaults((call) => (call === name ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined));

describe("a pipe", () => {
  it("gets a session, serves it and closes it when it is stopped", async () => {
    const stage = new PipeStage();
    expect(stage.pipe.status()).toMatchObject({ state: "stopped", info: "not running" });
    const run = stage.pipe.run();
    expect(stage.pipe.run()).toBe(run);
    expect(stage.pipe.status().state).toBe("connecting");
    await complete(stage);
    expect(stage.pipe.status()).toMatchObject({ state: "running", role: "leader", snapshot: "complete" });
    stage.write("/a");
    await ended(stage.pipe.stop());
    await ended(run);
    expect(stage.pushes().at(-1)).toBe("message /a");
    expect(stage.pipe.status()).toMatchObject({ state: "stopped", backlog: 0 });
    expect([stage.fusion.sessions, stage.store.session, stage.clock.pending]).toEqual([[], undefined, 0]);
    expect(stage.sender.callsTo("createSession").length).toBe(1);
  });

  it("asks for a session of its task and source, and of nothing else", async () => {
    const stage = running();
    await soon(() => stage.sender.callsTo("createSession").length === 1);
    const [{ request } = {}] = stage.sender.callsTo("createSession");
    expect(request).toStrictEqual({ taskId: "agent-1:pipe-1", sourceType: "fs", sourceUri: "/fake" });
    await stage.stop();
  });

  it("asks for the timeout that is configured", async () => {
    const stage = running({ settings: { sessionTimeoutSeconds: 60 } });
    await soon(() => stage.sender.callsTo("createSession").length === 1);
    expect(stage.sender.callsTo("createSession")[0]?.request).toMatchObject({ sessionTimeoutSeconds: 60 });
    await stage.stop();
  });

  it("waits five seconds for what is queued when it is stopped, and as long as it is told to", async () => {
    for (const [options, ms] of [
      [undefined, 5_000],
      [{ deadlineMs: 700 }, 700],
    ] as const) {
      const stage = running();
      await complete(stage);
      stage.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
      stage.write("/a");
      await soon(() => stage.pushes().includes("message /a"));
      const stopped = stage.pipe.stop(options);
      expect(stage.pipe.status().state).toBe("draining");
      await stage.pass(ms - 1);
      expect(stage.pipe.status().state).toBe("draining");
      await stage.pass(1);
      await ended(stopped);
      expect([stage.pipe.status().state, stage.pipe.status().backlog]).toEqual(["stopped", 1]);
    }
  });

  it("is stopped once: a second stop waits for the first and changes nothing", async () => {
    const stage = running();
    await complete(stage);
    stage.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
    stage.write("/a");
    await soon(() => stage.pushes().includes("message /a"));
    const first = stage.pipe.stop({ deadlineMs: 700 });
    const second = stage.pipe.stop({ deadlineMs: 100 });
    await stage.pass(699);
    expect(stage.pipe.status().state).toBe("draining");
    await stage.pass(1);
    await ended(Promise.all([first, second]));
    expect(stage.clock.pending).toBe(0);
  });

  it("opens its stream where an earlier run left off", async () => {
    const stage = running({}, ({ store }) => {
      store.kept = { position: "p7", index: 7 };
    });
    await complete(stage);
    expect(stage.opened).toEqual([[-1, "p7"]]);
    await stage.stop();
  });

  it("begins a snapshot or a round of the sentinel when an operator asks for one and it leads", async () => {
    const stage = running({ settings: { sentinelIntervalMs: 1e6 } });
    expect([stage.pipe.snapshotNow(), stage.pipe.sentinelNow()]).toEqual(["no leader", false]);
    await complete(stage);
    expect([stage.pipe.snapshotNow(), stage.pipe.sentinelNow()]).toEqual([undefined, true]);
    expect(stage.pipe.snapshotNow()).toBe("runs already");
    await soon(() => stage.sender.callsTo("getSentinelTasks").length === 1);
    await stage.stop();
  });

  it("says each of its states once in the log, and to those who listen", async () => {
    const states: string[] = [];
    const stage = running({ parts: { onState: (state, info) => states.push(`${state}: ${info}`) } });
    await complete(stage);
    await beat(stage, {});
    await beat(stage, {});
    expect(stage.logger.messages().filter((message) => message === "leading").length).toBe(1);
    expect(states).toEqual(["connecting: asking for a session", "running: leading"]);
    await stage.stop();
  });

  it("that was stopped before it ran asks for nothing", async () => {
    const stage = new PipeStage();
    await ended(stage.pipe.stop());
    await ended(stage.pipe.run());
    expect([stage.sender.calls, stage.pipe.status().state]).toEqual([[], "stopped"]);
  });

  it("that is stopped while it asks for a session serves none", async () => {
    const stage = running({}, (stage) => failing(stage, "createSession"));
    await soon(() => stage.pipe.status().state === "reconnecting");
    expect(stage.pipe.status()).toMatchObject({ failures: 1, lastError: "planned: FUSTOR_SENDER_UNREACHABLE" });
    await stage.stop();
    expect([stage.pipe.status().state, stage.pushes()]).toEqual(["stopped", []]);
  });

  it("that is stopped between two sessions closes none that is gone", async () => {
    const stage = running();
    await complete(stage);
    stage.receiver.heartbeat = async () => {
      throw new FustorError("FUSTOR_SESSION_LOST", "who are you?");
    };
    await stage.clock.passTo(BEAT_MS);
    await soon(() => stage.pipe.status().state === "reconnecting");
    await atRest();
    await stage.stop();
    expect(stage.sender.callsTo("closeSession")).toEqual([]);
  });

  it("that is stopped in the moment of its session drains at once", async () => {
    const stage = running({}, (stage) => {
      const { noteTookOver } = stage.store;
      stage.store.noteTookOver = (done) => {
        noteTookOver.call(stage.store, done);
        void stage.pipe.stop({ deadlineMs: 0 });
      };
    });
    await ended(stage.pipe.run());
    expect([stage.pushes(), stage.fusion.sessions, stage.pipe.status().state]).toEqual([[], [], "stopped"]);
  });
});

describe("a pipe whose session is lost", () => {
  it("asks for the next one after a moment, and sends again what was not accepted", async () => {
    const stage = running();
    await complete(stage);
    const [first] = stage.fusion.sessions;
    stage.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SESSION_LOST" } : undefined));
    stage.write("/a");
    await soon(() => stage.pipe.status().state === "reconnecting");
    expect(stage.pipe.status().info).toBe("asking for a session again: planned: FUSTOR_SESSION_LOST");
    expect(stage.logger.messages()).toContain("the session is given up: planned: FUSTOR_SESSION_LOST");
    stage.fusion.expire(first ?? "");
    stage.sender.noFaults();
    await stage.pass(99);
    expect(stage.sender.callsTo("createSession").length).toBe(1);
    await stage.pass(1);
    await soon(() => stage.pushes().filter((push) => push.startsWith("message /a")).length === 2);
    await complete(stage);
    expect(stage.sender.callsTo("closeSession")).toEqual([]);
    await stage.stop();
    expect(stage.sender.callsTo("closeSession").length).toBe(1);
  });

  it("closes one that may still be held before it asks for the next one, or when it is stopped", async () => {
    for (const isStopped of [true, false]) {
      const stage = running();
      await complete(stage);
      stage.sender.setFaults((call) => (call === "heartbeat" ? { kind: "deaf" } : undefined));
      await stage.clock.passTo(30_050);
      await soon(() => stage.pipe.status().state === "reconnecting");
      if (isStopped) await stage.stop();
      else await stage.pass(100);
      await soon(() => stage.sender.callsTo("closeSession").length === 1);
      if (!isStopped) {
        stage.sender.noFaults();
        await soon(() => stage.sender.callsTo("createSession").length === 2);
        await stage.stop();
      }
    }
  });

  it("knows in the next one that others may have led", async () => {
    const stage = running();
    await complete(stage);
    stage.fusion.expire(stage.fusion.sessions[0] ?? "");
    await stage.pass(BEAT_MS);
    await soon(() => stage.pipe.status().state === "reconnecting");
    const since: unknown[] = [];
    const iterate = stage.source.getSnapshotIterator.bind(stage.source);
    stage.source.getSnapshotIterator = (call) => {
      since.push(call.strongSince);
      return iterate(call);
    };
    await stage.pass(100);
    await complete(stage);
    expect(since[0]).toEqual(expect.any(Number));
    await stage.stop();
  });
});

describe("a pipe in which something breaks", () => {
  it("counts that as a failed attempt, closes the session and asks for another one", async () => {
    const stage = running();
    await complete(stage);
    const { take } = stage.subscription;
    stage.subscription.take = () => {
      throw new Error("a defect");
    };
    stage.write("/a");
    await soon(() => stage.pipe.status().failures === 1);
    expect(stage.pipe.status()).toMatchObject({ lastError: "a defect", state: "reconnecting", snapshot: "none" });
    expect(stage.logger.messages()).toContain("the session is given up: a defect");
    stage.subscription.take = take;
    await stage.pass(20);
    await soon(() => stage.sender.callsTo("createSession").length === 2);
    expect(stage.sender.callsTo("closeSession").length).toBe(1);
    await complete(stage);
    await stage.stop();
  });

  it("has failed when it is the pipe itself, and listens to its source no more", async () => {
    const stage = running({}, (stage) => {
      stage.subscription.rewind = () => {
        throw new Error("a defect of the bus");
      };
    });
    await complete(stage);
    stage.fusion.expire(stage.fusion.sessions[0] ?? "");
    await stage.pass(BEAT_MS);
    await ended(stage.pipe.run());
    expect(stage.pipe.status()).toMatchObject({
      state: "failed",
      info: "a defect of the bus",
      lastError: "a defect of the bus",
    });
    expect(stage.logger.entries.at(-1)).toBeDefined();
    expect(stage.logger.messages()).toContain("the pipe broke: a defect of the bus");
    stage.source.setAvailability({ state: "unavailable", reason: "gone" });
    expect(stage.pipe.status().state).toBe("failed");
  });

  it("goes on when its store cannot say what it kept", async () => {
    const stage = running({}, ({ store }) => {
      store.checkpoint = () => Promise.reject(new Error("unreadable"));
    });
    await complete(stage);
    expect(stage.pipe.status().state).toBe("running");
    await stage.stop();
  });

  it("tries again at once when it is woken: a session, and a batch", async () => {
    const stage = running({ settings: { errorRetryIntervalMs: 60_000 } }, (stage) => failing(stage, "createSession"));
    await soon(() => stage.pipe.status().state === "reconnecting");
    stage.sender.noFaults();
    stage.pipe.wake();
    await complete(stage);
    failing(stage, "push");
    stage.write("/a");
    await soon(() => stage.pipe.status().failures === 2);
    stage.sender.noFaults();
    stage.pipe.wake();
    await soon(() => stage.pipe.status().backlog === 0);
    await stage.stop();
  });
});

describe("what a pipe knows of its source", () => {
  it("is in its status as long as the source is away", async () => {
    const stage = running();
    await complete(stage);
    stage.source.setAvailability({ state: "unavailable", reason: "not mounted" });
    expect(stage.pipe.status()).toMatchObject({ state: "waiting_for_source", info: "not mounted" });
    stage.source.setAvailability({ state: "available" });
    expect(stage.pipe.status().state).toBe("running");
    await stage.stop();
  });

  it("is what keeps a snapshot from going on, which goes on when the source is back", async () => {
    const stage = running({ settings: { errorRetryIntervalMs: 60_000 } }, ({ source }) =>
      source.breakSnapshot(new Error("a broken disk"), 0),
    );
    await soon(() => stage.pipe.status().state === "waiting_for_source");
    expect(stage.pipe.status().info).toBe("a broken disk");
    stage.source.setAvailability({ state: "starting" });
    await atRest();
    expect(stage.fusion.isComplete).toBe(false);
    stage.source.setAvailability({ state: "available" });
    await complete(stage);
    expect(stage.pipe.status().state).toBe("running");
    await stage.stop();
  });

  it("is not asked for any more once the pipe was stopped", async () => {
    const stage = running();
    await complete(stage);
    await stage.stop();
    stage.source.status = () => {
      throw new Error("the source is closed");
    };
    expect(stage.pipe.status().state).toBe("stopped");
  });

  it("is heard of no more after the end", async () => {
    const stage = running();
    let listeners = 0;
    const listen = stage.source.onAvailability.bind(stage.source);
    const other = new PipeStage();
    other.source.onAvailability = (listener) => {
      listeners++;
      const stop = listen(listener);
      return () => {
        listeners--;
        return stop();
      };
    };
    void other.pipe.run();
    await complete(other);
    expect(listeners).toBe(1);
    await other.stop();
    expect(listeners).toBe(0);
    await stage.stop();
  });

  it("is shown with the next heartbeat, too", async () => {
    const stage = running();
    await complete(stage);
    stage.source.status = () => ({ availability: { state: "unavailable", reason: "quietly gone" }, entries: 0 });
    await beat(stage, {});
    expect(stage.logger.messages()).toContain("quietly gone");
    await stage.stop();
  });
});

describe("what a pipe says of its source by itself", () => {
  it("is what keeps it from delivering, as soon as a session is there", async () => {
    const stage = running({}, ({ source, receiver }) => {
      receiver.heartbeat = () => new Promise(() => undefined);
      source.setAvailability({ state: "unavailable", reason: "not mounted" });
    });
    await soon(() => stage.logger.messages().includes("not mounted"));
    await stage.stop();
  });

  it("is said the moment that it changes", async () => {
    const stage = running();
    await complete(stage);
    stage.source.setAvailability({ state: "unavailable", reason: "taken away" });
    expect(stage.logger.messages()).toContain("taken away");
    await stage.stop();
  });
});

describe("the role of a pipe", () => {
  it("is that of the last heartbeat", async () => {
    const stage = running();
    await complete(stage);
    await beat(stage, { role: "follower" });
    expect(stage.pipe.status()).toMatchObject({ role: "follower", info: "following, another agent leads" });
    await beat(stage, { role: "follower" });
    expect(stage.logger.messages().filter((message) => message === "the role changed").length).toBe(1);
    await beat(stage, { role: "leader", clockSkewMs: 70 });
    expect(stage.pipe.status()).toMatchObject({ role: "leader", clockSkewMs: 70 });
    await stage.stop();
  });

  it("decides whether an envelope suggests a snapshot", async () => {
    const stage = running();
    await complete(stage);
    expect(stage.sender.pushes[0]?.snapshotSyncSuggested).toBe(true);
    await beat(stage, { role: "follower" });
    stage.bus.reportLoss("x");
    stage.write("/a");
    await soon(() => stage.pushes().includes("message /a"));
    expect(stage.sender.pushes.at(-1)?.snapshotSyncSuggested).toBe(false);
    await stage.stop();
  });
});

describe("what a pipe leaves to the next run", () => {
  const stores = (stage: PipeStage) => {
    const left: LeftState[] = [];
    Object.assign(stage.store, {
      noteLeft: async (state: LeftState) => {
        left.push(state);
      },
    });
    return left;
  };

  /** A leader that took over, was stopped and had its source at rest. */
  async function stopped(spoil: (stage: PipeStage) => void = () => undefined): Promise<number> {
    const stage = running({ settings: { auditIntervalMs: 1_000_000 } }, ({ store }) => {
      store.aliveAt = STAGE_EPOCH;
      store.hasTakenOver = true;
    });
    const left = stores(stage);
    await soon(() => stage.store.hasTakenOver && stage.pipe.status().audit.runs === 1);
    spoil(stage);
    await ended(stage.pipe.stop({ deadlineMs: 100, generation: "g" }));
    if (left.length > 0) expect(left).toEqual([{ session: expect.stringContaining("session-1"), generation: "g" }]);
    return left.length;
  }

  it("is its session when everything was accepted", async () => {
    expect(await stopped()).toBe(1);
  });

  it("is nothing when directories wait or others may have sent deletes", async () => {
    expect(await stopped((stage) => stage.bus.reportLoss("x"))).toBe(0);
  });

  it("is asked for by the first session of the next one, and by no later one", async () => {
    const stage = running({ resumedFrom: "g", opened: { positionLost: false } }, (stage) => {
      Object.assign(stage.store, { takeLeft: async () => ({ session: "s-before", generation: "g" }) });
      const { createSession } = stage.receiver;
      stage.receiver.createSession = async (request) => ({
        ...(await createSession.call(stage.receiver, request)),
        resumed: true,
      });
    });
    await soon(() => stage.pushes().includes("snapshot end"));
    expect(stage.sender.callsTo("createSession")[0]?.request).toMatchObject({ resumes: "s-before" });
    expect(stage.pushes()).toEqual(["snapshot end"]);
    stage.fusion.expire(stage.fusion.sessions[0] ?? "");
    await stage.pass(BEAT_MS);
    await stage.pass(100);
    await soon(() => stage.sender.callsTo("createSession").length === 2);
    expect(stage.sender.callsTo("createSession")[1]?.request).not.toHaveProperty("resumes");
    await soon(() => stage.pushes().includes("snapshot /"));
    await stage.stop();
  });

  it("is forgotten as soon as a session is served: whether it had taken over", async () => {
    const stage = running({}, ({ store }) => {
      store.hasTakenOver = true;
    });
    await complete(stage);
    expect(stage.store.hasTakenOver).toBe(false);
    await stage.stop();
  });
});

describe("what a crashed run left wrong", () => {
  const CRASHED_SINCE = STAGE_EPOCH / 1000 - 10 - 90;

  function crashed(options: PipeStageOptions = {}, prepare: (stage: PipeStage) => void = () => undefined) {
    const since: (number | undefined)[] = [];
    const stage = running(options, (stage) => {
      stage.store.session = "ghost";
      stage.store.aliveAt = STAGE_EPOCH - 10_000;
      const iterate = stage.source.getSnapshotIterator.bind(stage.source);
      stage.source.getSnapshotIterator = (call) => {
        since.push(call.strongSince);
        return iterate(call);
      };
      prepare(stage);
    });
    /** The session is lost, and the next one begins. */
    const loseSession = async (): Promise<void> => {
      stage.fusion.expire(stage.fusion.sessions[0] ?? "");
      await stage.pass(BEAT_MS);
      await stage.pass(10_000);
    };
    return { stage, since, loseSession };
  }

  it("is put right by the first complete snapshot, and not a second time", async () => {
    const { stage, since, loseSession } = crashed();
    await complete(stage);
    await loseSession();
    await complete(stage);
    expect(since[0]).toBe(CRASHED_SINCE);
    expect(since.at(-1)).toBeGreaterThan(CRASHED_SINCE);
    await stage.stop();
  });

  it("stays wrong as long as no snapshot is complete", async () => {
    const { stage, since, loseSession } = crashed({}, (stage) =>
      stage.sender.setFaults((_, envelope) =>
        envelope?.isEnd === true ? { kind: "fail", code: "FUSTOR_SENDER_BUSY", retryAfterMs: 1e6 } : undefined,
      ),
    );
    await soon(() => stage.pipe.status().failures === 1);
    await loseSession();
    await soon(() => since.length === 2);
    expect(since).toEqual([CRASHED_SINCE, CRASHED_SINCE]);
    await stage.stop();
  });

  it("was put right by a complete snapshot also when another one was begun before the session was lost", async () => {
    const { stage, since, loseSession } = crashed();
    await complete(stage);
    stage.sender.setFaults((call) =>
      call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY", retryAfterMs: 1e6 } : undefined,
    );
    stage.bus.reportLoss("x");
    await soon(() => stage.pipe.status().failures === 1);
    stage.sender.noFaults();
    await loseSession();
    await soon(() => since.length === 3);
    expect(since[2]).toBeGreaterThan(CRASHED_SINCE);
    await stage.stop();
  });

  it("was never wrong at a receiver that holds the history", async () => {
    const { stage, since, loseSession } = crashed({ opened: { positionLost: false } }, ({ receiver }) => {
      receiver.getLatestCommittedIndex = async () => Number.MAX_SAFE_INTEGER;
    });
    await soon(() => stage.pipe.status().snapshot === "complete");
    stage.receiver.getLatestCommittedIndex = async () => undefined;
    await loseSession();
    await soon(() => since.length === 1);
    expect(since[0]).toBeGreaterThan(CRASHED_SINCE);
    await stage.stop();
  });

  it("is put right once by a follower, which tells again what was changed around the crash", async () => {
    const { stage, since, loseSession } = crashed({}, (stage) => {
      const { createSession } = stage.receiver;
      stage.receiver.createSession = async (request) => ({
        ...(await createSession.call(stage.receiver, request)),
        role: "follower",
      });
      const { heartbeat } = stage.receiver;
      stage.receiver.heartbeat = async (...call) => ({
        ...(await heartbeat.apply(stage.receiver, call)),
        role: "follower",
      });
      stage.source.write("/young", 1, STAGE_EPOCH / 1000, true);
    });
    const said = "what changed around the end of the run before was told again";
    await soon(() => stage.logger.messages().includes(said));
    expect(stage.pushes()).toEqual(["message /young /young"]);
    await loseSession();
    await soon(() => stage.sender.callsTo("createSession").length >= 2);
    await stage.pass(100);
    expect(since).toEqual([CRASHED_SINCE]);
    await stage.stop();
  });
});
