import { describe, expect, it } from "vitest";
import type { FaultPlan } from "../../../support/faulty-sender.ts";
import { SessionStage, type StageOptions, told } from "../../../support/session-stage.ts";
import { atRest, ended, soon } from "../../../support/turns.ts";

/** One row in a POST, so that the order of rows is that of POSTs. */
const ONE_BY_ONE = { batchEvents: 1, eventRows: 1 };

interface Running {
  readonly stage: SessionStage;
  readonly stop: AbortController;
  readonly run: Promise<unknown>;
  /** Nothing more is taken up, what is queued is sent. */
  drain(): Promise<unknown>;
}

/** A scheduler that runs; `prepare` before it. The outcome of `run` is the error it ended with. */
function running(options: StageOptions = {}, prepare: (stage: SessionStage) => void = () => undefined): Running {
  const stage = new SessionStage(options);
  const stop = new AbortController();
  prepare(stage);
  const run = stage.parts.scheduler.run(stop.signal).catch((error: unknown) => error);
  const drain = (): Promise<unknown> => {
    stage.plan.state = { kind: "draining", role: "leader" };
    stage.parts.news.raise();
    return ended(run);
  };
  return { stage, stop, run, drain };
}

/** The pushes so far, those of one row each. */
const pushes = ({ sender }: SessionStage): string[] => sender.pushes.map(told);

describe("the start of a session's stream", () => {
  it("asks how far the receiver is and opens the stream there", async () => {
    const { stage, drain } = running({ opened: { positionLost: false } }, ({ receiver }) => {
      receiver.getLatestCommittedIndex = async () => 1234;
    });
    await soon(() => stage.kinds().includes("stream started"));
    expect(stage.opened).toEqual([[1234, undefined]]);
    expect(stage.kinds().slice(0, 2)).toEqual(["position known", "stream started"]);
    await drain();
  });

  it("opens it where an earlier run left off, and at -1 of a receiver that does not say how far it is", async () => {
    const { stage, drain } = running({}, ({ makings }) => makings.history.recall({ position: "p7", index: 7 }));
    await soon(() => stage.opened.length > 0);
    expect(stage.opened).toEqual([[-1, "p7"]]);
    await drain();
  });

  it.each([
    { opened: { positionLost: false }, resumption: "none", holds: true, complete: true },
    { opened: { positionLost: true }, resumption: "none", holds: false, complete: false },
    { opened: { positionLost: false }, resumption: "held", holds: true, complete: true },
    { opened: { positionLost: true }, resumption: "held", holds: false, complete: false },
    { opened: { positionLost: false }, resumption: "refused", holds: false, complete: false },
  ] as const)("says what the receiver holds: $opened, resumption $resumption", async (given) => {
    const { stage, drain } = running(given, ({ receiver }) => {
      receiver.getLatestCommittedIndex = async () => 0;
    });
    await soon(() => stage.kinds().includes("stream started"));
    expect(stage.of("position known")[0]).toEqual({ kind: "position known", holdsHistory: given.holds });
    expect(stage.makings.history.isComplete).toBe(given.complete);
    await drain();
  });

  it("takes a receiver that holds what was left for whole although it names no position", async () => {
    const { stage, drain } = running({ opened: { positionLost: false }, resumption: "held" });
    await soon(() => stage.kinds().includes("stream started"));
    expect(stage.of("position known")[0]?.holdsHistory).toBe(true);
    await drain();
  });

  it("keeps the place where the stream begins as the checkpoint of a receiver that has to be filled first", async () => {
    const { stage, drain } = running({ opened: { positionLost: true, position: "p3" } });
    await soon(() => stage.kinds().includes("stream started"));
    stage.makings.history.complete();
    expect(stage.store.kept).toEqual({ position: "p3", index: stage.subscription.committedIndex });
    await drain();
  });

  it("has no checkpoint when the source does not say where its stream begins", async () => {
    const { stage, drain } = running();
    await soon(() => stage.kinds().includes("stream started"));
    stage.makings.history.complete();
    expect(stage.store.kept).toBeUndefined();
    await drain();
  });

  it("goes on without a position when the receiver does not answer", async () => {
    const { stage, drain } = running({}, ({ sender }) =>
      sender.setFaults((call) => (call === "getLatestCommittedIndex" ? { kind: "deaf" } : undefined)),
    );
    await stage.clock.passTo(9_999);
    expect(stage.opened).toEqual([]);
    await stage.clock.passTo(10_000);
    await soon(() => stage.kinds().includes("stream started"));
    expect(stage.logger.messages()).toContain(
      "the receiver does not say how far it has come: no answer within 10000 ms",
    );
    await drain();
  });

  it("ends when the session is lost, or the signal aborts meanwhile", async () => {
    const fail: FaultPlan = (call) =>
      call === "getLatestCommittedIndex" ? { kind: "fail", code: "FUSTOR_SESSION_LOST" } : undefined;
    const lost = running({}, ({ sender }) => sender.setFaults(fail));
    expect(await ended(lost.run)).toMatchObject({ code: "FUSTOR_SESSION_LOST" });
    expect(lost.stage.logger.messages()).toEqual([]);
    const { stage, stop, run } = running({}, ({ sender }) => sender.setFaults(() => ({ kind: "hang" })));
    await atRest();
    stop.abort();
    expect(await ended(run)).toMatchObject({ name: "AbortError" });
    expect([stage.opened, stage.logger.messages()]).toEqual([[], []]);
  });
});

describe("a leader that owes a snapshot", () => {
  it("asks before each turn how far the receiver is, until the snapshot begins", async () => {
    const { stage, drain } = running({ opened: { positionLost: true } });
    await soon(() => stage.kinds().includes("stream started"));
    await atRest();
    expect(stage.sender.callsTo("getLatestCommittedIndex").length).toBe(1);
    stage.plan.state = { kind: "leading", snapshot: "owed", wasFollower: true };
    stage.parts.news.raise();
    await soon(() => stage.of("position known").length === 2);
    await atRest();
    expect(stage.sender.callsTo("getLatestCommittedIndex").length).toBe(2);
    expect(stage.of("position known")[1]?.holdsHistory).toBe(false);
    await drain();
  });

  it("hears that the receiver holds everything when it does", async () => {
    const { stage, drain } = running({ opened: { positionLost: false } }, ({ receiver, plan }) => {
      receiver.getLatestCommittedIndex = async () => Number.MAX_SAFE_INTEGER;
      plan.state = { kind: "following" };
    });
    await soon(() => stage.kinds().includes("stream started"));
    stage.plan.state = { kind: "leading", snapshot: "owed", wasFollower: true };
    stage.parts.news.raise();
    await soon(() => stage.of("position known").length === 2);
    expect(stage.of("position known")[1]?.holdsHistory).toBe(true);
    await drain();
  });
});

describe("what is sent next", () => {
  const fill = (stage: SessionStage, files: number): void => {
    for (let i = 1; i < files; i++) stage.source.write(`/s${i}`, 1, 5, true);
    stage.lead();
    stage.parts.bulk.snapshot.begin();
  };
  const changes = (stage: SessionStage, count: number): void => {
    for (let i = 0; i < count; i++) stage.write(`/m${i}`);
  };
  const kinds = (stage: SessionStage): string =>
    pushes(stage)
      .map((push) => push[0])
      .join("");

  it("is a live change, then rows in bulk, while changes come one by one", async () => {
    const { stage, drain } = running({ settings: ONE_BY_ONE }, (stage) => fill(stage, 3));
    await soon(() => kinds(stage) === "ssss");
    expect(pushes(stage)).toEqual(["snapshot /", "snapshot /s1", "snapshot /s2", "snapshot end"]);
    await drain();
  });

  it("lets rows in bulk through after four live POSTs in a row, and in the capacity that is left", async () => {
    const { stage, drain } = running({ settings: ONE_BY_ONE }, (stage) => {
      stage.subscription.start(-1);
      fill(stage, 6);
      changes(stage, 18);
    });
    await soon(() => pushes(stage).includes("snapshot end"));
    // The first turn of rows in bulk begins the pass, the next ones have its rows.
    expect(kinds(stage).slice(0, 22)).toBe("mmmmmmmmsmmmmsmmmmsmms");
    expect(pushes(stage).filter((push) => push.startsWith("m"))).toEqual(
      Array.from({ length: 18 }, (_, i) => `message /m${i}`),
    );
    await drain();
  });

  it("is a row in bulk as soon as the last live POST emptied the bus, though more changes came meanwhile", async () => {
    const { stage, drain } = running({ settings: ONE_BY_ONE }, (stage) => {
      stage.subscription.start(-1);
      fill(stage, 4);
      changes(stage, 1);
      let more = 3;
      stage.sender.setFaults((call, envelope) => {
        if (call === "push" && envelope?.sourceType === "snapshot" && more-- > 0) stage.write(`/late${more}`);
        return undefined;
      });
    });
    await soon(() => pushes(stage).includes("snapshot end"));
    expect(kinds(stage)).toBe("msmsmsmss");
    await drain();
  });

  it("is the next live change when there are no rows in bulk", async () => {
    const { stage, drain } = running({ settings: ONE_BY_ONE }, (stage) => {
      stage.subscription.start(-1);
      stage.lead();
      changes(stage, 7);
    });
    await soon(() => pushes(stage).length === 7);
    await drain();
    expect(kinds(stage)).toBe("mmmmmmm");
  });

  it("is nothing in bulk before live changes were polled once", async () => {
    const polled: boolean[] = [];
    const { stage, drain } = running({}, (stage) => {
      stage.lead();
      stage.parts.bulk.snapshot.beginEnd();
      stage.sender.setFaults((call) => {
        if (call === "push") polled.push(stage.parts.scheduler.hasPolled);
        return undefined;
      });
    });
    expect(stage.parts.scheduler.hasPolled).toBe(false);
    await soon(() => pushes(stage).includes("snapshot end"));
    expect(polled).toEqual([true]);
    await drain();
  });

  it("is found when the bus has changes again, and when there is news", async () => {
    const { stage, drain } = running({}, (stage) => stage.lead());
    await soon(() => stage.parts.scheduler.hasPolled);
    await atRest();
    stage.write("/a");
    await soon(() => pushes(stage).includes("message /a"));
    await atRest();
    stage.parts.bulk.snapshot.begin();
    await soon(() => pushes(stage).includes("snapshot end"));
    await drain();
  });

  it("takes the role of the moment: a rescan audits for a leader alone", async () => {
    const { stage, drain } = running({ source: { rescans: true } }, (stage) => {
      stage.lead();
      stage.parts.bulk.rescan.add(["/"]);
    });
    await soon(() => pushes(stage).includes("audit end"));
    await drain();
    const follower = running({ source: { rescans: true } }, (stage) => {
      stage.plan.state = { kind: "following" };
      stage.parts.bulk.rescan.add(["/"]);
    });
    await soon(() => pushes(follower.stage).length > 0);
    await atRest();
    expect(pushes(follower.stage).some((push) => push.startsWith("audit"))).toBe(false);
    await follower.drain();
  });

  it("waits for both kinds of news at once, and for neither after it has one", async () => {
    const stage = new SessionStage();
    let waits = 0;
    const readable = stage.subscription.readable.bind(stage.subscription);
    stage.subscription.readable = async (signal) => {
      waits++;
      await readable(signal);
      waits--;
    };
    stage.lead();
    const stop = new AbortController();
    const run = stage.parts.scheduler.run(stop.signal).catch(() => undefined);
    await soon(() => waits === 1);
    for (let i = 0; i < 3; i++) {
      stage.parts.news.raise();
      await atRest();
      expect(waits).toBe(1);
    }
    stop.abort();
    await ended(run);
  });
});

describe("an item that was sent", () => {
  it("is settled as delivered: live changes are committed", async () => {
    const { stage, drain } = running({}, (stage) => stage.lead());
    await soon(() => stage.parts.scheduler.hasPolled);
    stage.write("/a");
    await soon(() => stage.kinds().includes("changes delivered"));
    expect(stage.subscription.backlog).toBe(0);
    await drain();
  });

  it("is settled as given up when it was cancelled or failed: nothing is committed, chunks go back", async () => {
    const { stage, stop, run } = running({}, (stage) => {
      stage.lead();
      stage.parts.bulk.snapshot.begin();
      stage.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
    });
    await soon(() => stage.sender.pushes.length === 1);
    expect(stage.source.chunksOut).toBe(1);
    stage.write("/a");
    stop.abort();
    expect(await ended(run)).toMatchObject({ code: "FUSTOR_ABORTED" });
    expect([stage.source.chunksOut, stage.subscription.backlog]).toEqual([0, 1]);
    expect(stage.kinds()).not.toContain("changes delivered");
  });

  it("is not sent on when it is cancelled between two attempts", async () => {
    const { stage, drain } = running({}, (stage) => {
      stage.lead();
      stage.parts.bulk.snapshot.begin();
      stage.sender.setFaults((call) =>
        call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
      );
    });
    await soon(() => stage.kinds().includes("call failed"));
    stage.sender.noFaults();
    stage.parts.bulk.snapshot.cancel();
    stage.parts.delivery.wake();
    await atRest();
    expect(stage.sender.pushes.length).toBe(1);
    expect(stage.source.chunksOut).toBe(0);
    await drain();
  });
});

describe("the end of a session", () => {
  it("comes when nothing is queued any more, and what comes meanwhile is sent, too", async () => {
    const { stage, run, drain } = running({ settings: ONE_BY_ONE }, (stage) => {
      stage.lead();
      stage.subscription.start(-1);
      stage.write("/a");
      let more = 2;
      stage.sender.setFaults((call) => {
        if (call === "push" && more-- > 0) stage.write(`/more${more}`);
        return undefined;
      });
    });
    await drain();
    expect(await ended(run)).toBeUndefined();
    expect(pushes(stage)).toEqual(["message /a", "message /more1", "message /more0"]);
    expect(stage.parts.scheduler.hasDrained).toBe(true);
  });

  it("comes after every live change that is queued, however many there are", async () => {
    const { stage, drain } = running({ settings: ONE_BY_ONE }, (stage) => {
      stage.lead();
      stage.subscription.start(-1);
      for (let i = 0; i < 9; i++) stage.write(`/m${i}`);
    });
    await drain();
    expect(pushes(stage).length).toBe(9);
  });

  it("is an ordinary one when a failure cuts the draining short, and is said to have left something", async () => {
    const { stage, run, drain } = running({}, (stage) => {
      stage.lead();
      stage.subscription.start(-1);
      stage.write("/a");
      stage.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined));
      stage.parts.delivery.failFast();
    });
    await drain();
    expect(await ended(run)).toBeUndefined();
    expect(stage.parts.scheduler.hasDrained).toBe(false);
    expect(stage.logger.entries).toMatchObject([
      { level: "warn", facts: { backlog: 1 }, message: "what is queued was not sent: planned: FUSTOR_SENDER_BUSY" },
    ]);
  });

  it("is a failure when the session is lost, draining or not", async () => {
    const losing: FaultPlan = (call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SESSION_LOST" } : undefined);
    for (const state of [{ kind: "draining", role: "leader" }, { kind: "following" }] as const) {
      const { stage, run } = running({}, (stage) => {
        stage.plan.state = state;
        stage.subscription.start(-1);
        stage.write("/a");
        stage.sender.setFaults(losing);
      });
      expect(await ended(run)).toMatchObject({ code: "FUSTOR_SESSION_LOST" });
      expect([stage.parts.scheduler.hasDrained, stage.logger.messages()]).toEqual([false, []]);
    }
  });

  it("is a failure when anything breaks before the session drains", async () => {
    const { stage, run } = running({}, (stage) => {
      stage.lead();
      stage.source.getSnapshotIterator = () => {
        throw new Error("broken");
      };
      stage.subscription.take = () => {
        throw new Error("a defect");
      };
    });
    expect(await ended(run)).toEqual(new Error("a defect"));
    expect(stage.logger.messages()).toEqual([]);
  });

  it("comes at once upon an abort, also while there is nothing to do", async () => {
    const { stage, stop, run } = running({}, (stage) => stage.lead());
    await soon(() => stage.parts.scheduler.hasPolled);
    await atRest();
    stop.abort();
    expect(await ended(run)).toMatchObject({ name: "AbortError" });
  });

  it("leaves the source alone: a snapshot that was being read is given up before it", async () => {
    const { stage, stop, run } = running({ source: { chunkRows: 1 } }, (stage) => {
      for (let i = 0; i < 9; i++) stage.source.write(`/s${i}`, 1, 5, true);
      stage.lead();
      stage.parts.bulk.snapshot.begin();
      stage.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
    });
    await soon(() => stage.sender.pushes.length === 1);
    stop.abort();
    await ended(run);
    expect(stage.source.chunksOut).toBe(0);
    expect(stage.parts.bulk.snapshot.state).toBe("none");
  });
});
