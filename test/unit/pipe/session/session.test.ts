import { describe, expect, it } from "vitest";
import type { SnapshotCommand } from "../../../../src/pipe/pipe-status.ts";
import { type SessionEnd, SessionRun } from "../../../../src/pipe/session/session.ts";
import type { SessionEvent } from "../../../../src/pipe/session/session-events.ts";
import { FustorError, type HeartbeatAnswer } from "../../../../src/sdk/index.ts";
import { SessionStage, STAGE_EPOCH, type StageOptions, told } from "../../../support/session-stage.ts";
import { atRest, ended, soon } from "../../../support/turns.ts";

interface Served {
  readonly stage: SessionStage;
  readonly session: SessionRun;
  readonly events: SessionEvent[];
  readonly kinds: () => string[];
  readonly pushes: () => string[];
  readonly run: () => Promise<SessionEnd>;
}

/** A session that does not run yet; `hear` gets each event after it was written down. */
function made(options: StageOptions = {}, hear: (event: SessionEvent, served: Served) => void = () => undefined) {
  const stage = new SessionStage(options);
  const events: SessionEvent[] = [];
  const session: SessionRun = new SessionRun(stage.makings, (event) => {
    events.push(event);
    hear(event, served);
  });
  const served: Served = {
    stage,
    session,
    events,
    kinds: () => events.map(({ kind }) => kind),
    pushes: () => stage.sender.pushes.map(told),
    run: () => session.run(),
  };
  return served;
}

/** One that runs; its end. */
function serving(options: StageOptions = {}, prepare: (served: Served) => void = () => undefined) {
  const served = made(options);
  prepare(served);
  return { ...served, end: served.run() };
}

/** What a heartbeat is answered from now on. */
function answers({ receiver }: SessionStage, answer: Partial<HeartbeatAnswer>): void {
  receiver.heartbeat = async () => ({ role: "leader", commands: [], snapshotNeeded: false, ...answer });
}

const BEAT_MS = 9_000;
const nextBeat = ({ clock }: SessionStage): Promise<void> => clock.passTo(clock.now() + BEAT_MS);

describe("a session of a leader", () => {
  it("sends a snapshot and live changes, and counts what was accepted", async () => {
    const { stage, session, end, pushes } = serving({}, ({ stage }) => stage.source.write("/a", 1, 2, true));
    await soon(() => stage.fusion.isComplete);
    stage.write("/b");
    await soon(() => stage.subscription.backlog === 0);
    expect(pushes()).toEqual(["snapshot /", "snapshot /a", "snapshot end", "message /b"]);
    const { counters, history } = stage.makings;
    expect(counters.pipe).toEqual({ batchesSent: 4, failures: 0, poisonRows: 0, changesLost: 0 });
    expect(counters.rowsSent).toMatchObject({ snapshot: 2, message: 1 });
    expect([counters.lagMs, history.isComplete, history.committedIndex]).toEqual([
      7,
      true,
      stage.subscription.committedIndex,
    ]);
    expect(stage.logger.messages()).toEqual(["a snapshot begins", "the snapshot is complete"]);
    session.stop(1_000);
    expect(await ended(end)).toEqual({ kind: "stopped" });
    expect([session.hasDelivered, session.hasTakenOver]).toEqual([true, false]);
  });

  it("notes how many rows its snapshot had, and each good heartbeat", async () => {
    const notes: unknown[] = [];
    const { stage, session, end } = serving({}, ({ stage }) => {
      Object.assign(stage.store, {
        noteSnapshot: (rows: number) => notes.push(["snapshot", rows]),
        noteHeartbeat: (at: number) => notes.push(["heartbeat", at]),
      });
    });
    await soon(() => stage.fusion.isComplete);
    await atRest();
    expect(notes).toEqual([
      ["heartbeat", STAGE_EPOCH],
      ["snapshot", 1],
    ]);
    await nextBeat(stage);
    await soon(() => notes.length === 3);
    expect(notes[2]).toEqual(["heartbeat", STAGE_EPOCH + BEAT_MS]);
    session.stop(0);
    await ended(end);
  });

  it("has taken over when the audits after its snapshot are complete", async () => {
    const settings = { auditIntervalMs: 1_000_000 };
    const { stage, session, end, kinds, pushes } = serving({
      settings,
      before: { stoppedRunAliveAt: STAGE_EPOCH },
    });
    await soon(() => pushes().includes("audit end"));
    await soon(() => kinds().includes("took over"));
    expect([session.hasTakenOver, stage.store.hasTakenOver]).toEqual([true, true]);
    answers(stage, { role: "follower" });
    await nextBeat(stage);
    await soon(() => !stage.store.hasTakenOver);
    session.stop(0);
    await ended(end);
  });

  it("spoils an audit when a row is refused, and hands the row on", async () => {
    const poison: unknown[] = [];
    const { stage, session, end, kinds } = serving(
      { settings: { auditIntervalMs: 1_000_000 }, parts: { onPoison: (row) => poison.push(row) } },
      ({ stage }) => {
        stage.source.write("/bad", 1, 2, true);
        stage.sender.setFaults((_, envelope) =>
          envelope?.sourceType === "audit" && told(envelope).includes("/bad")
            ? { kind: "fail", code: "FUSTOR_BATCH_REFUSED" }
            : undefined,
        );
      },
    );
    await soon(() => kinds().includes("row refused"));
    await soon(() => stage.logger.messages().includes("an audit gets no end: the receiver refused rows of it"));
    expect(poison).toMatchObject([{ key: "/bad", phase: "audit" }]);
    expect(stage.makings.counters.pipe.poisonRows).toBe(1);
    session.stop(0);
    await ended(end);
  });

  it("counts a loss of changes, and a snapshot repairs it", async () => {
    const { stage, session, end, pushes } = serving();
    await soon(() => stage.fusion.isComplete);
    stage.bus.reportLoss("the queue ran over");
    await soon(() => pushes().filter((push) => push === "snapshot end").length === 2);
    expect(stage.makings.counters.pipe.changesLost).toBe(1);
    expect(stage.logger.messages()).toContain("changes were lost, a snapshot has to repair it: the queue ran over");
    session.stop(0);
    await ended(end);
  });

  it("keeps no checkpoint for changes while directories are still to be told again", async () => {
    const { stage, session, end } = serving({ opened: { positionLost: false } }, ({ stage }) => {
      stage.receiver.getLatestCommittedIndex = async () => Number.MAX_SAFE_INTEGER;
      stage.makings.dirty.add("/d");
      Object.assign(stage.source, { rescan: undefined });
    });
    await soon(() => stage.opened.length > 0);
    stage.bus.publish({ changes: [{ ...stage.change("/d/a"), position: "p1" }], sizeBytes: 1, lagMs: 0 });
    await soon(() => stage.subscription.backlog === 0);
    session.stop(0);
    await ended(end);
    expect(stage.store.kept).toBeUndefined();
  });

  it("keeps the position of what was delivered", async () => {
    const { stage, session, end } = serving({ opened: { positionLost: false } }, ({ stage }) => {
      stage.receiver.getLatestCommittedIndex = async () => Number.MAX_SAFE_INTEGER;
    });
    await soon(() => stage.opened.length > 0);
    stage.bus.publish({ changes: [{ ...stage.change("/d/a"), position: "p1" }], sizeBytes: 1, lagMs: 0 });
    await soon(() => stage.subscription.backlog === 0);
    expect(stage.store.kept?.position).toBe("p1");
    session.stop(0);
    await ended(end);
  });

  it("holds rows in bulk back while live changes are late", async () => {
    const { stage, session, end, kinds } = serving({ settings: { snapshotPauseLagMs: 5 } });
    await soon(() => stage.fusion.isComplete);
    expect(session.isBulkPaused).toBe(false);
    stage.write("/a");
    await soon(() => kinds().includes("changes delivered"));
    expect(session.isBulkPaused).toBe(true);
    stage.bus.reportLoss("x");
    await soon(() => kinds().includes("changes lost"));
    await atRest();
    session.stop(0);
    await ended(end);
    expect(stage.clock.pending).toBe(0);
  });
});

describe("tombstones of others", () => {
  it.each([
    [{}, "leader", false],
    [{ mayFollowOthers: true }, "leader", true],
    [{ earlierRunAliveAt: STAGE_EPOCH }, "leader", true],
    [{}, "follower", true],
  ] as const)("may be there: %j, %s", (before, role, may) => {
    const { stage } = made({ before, session: { role } });
    expect(stage.makings.context.tombstones.mayHoldOthers).toBe(may);
  });

  it("are none of those a session timeout ahead", () => {
    const { stage } = made({ before: { mayFollowOthers: true }, session: { sessionTimeoutMs: 50_000 } });
    const { tombstones } = stage.makings.context;
    const lifted = (second: number): boolean => tombstones.needsLive("/a", { modified_time: second });
    const until = STAGE_EPOCH / 1000 + 50;
    expect([lifted(until - 1), lifted(until)]).toEqual([true, false]);
  });
});

describe("what a receiver asks for", () => {
  it("is a snapshot, which begins once", async () => {
    const { stage, session, end, pushes } = serving();
    await soon(() => stage.fusion.isComplete);
    answers(stage, { snapshotNeeded: true });
    await nextBeat(stage);
    await soon(() => pushes().filter((push) => push === "snapshot end").length === 2);
    expect(stage.logger.messages()).toContain("Fusion asks for a snapshot");
    session.stop(0);
    await ended(end);
  });

  it("is a scan", async () => {
    const { stage, session, end, pushes } = serving({}, ({ stage }) => stage.source.write("/a", 1, 2, true));
    await soon(() => stage.fusion.isComplete);
    stage.fusion.send({ type: "scan", path: "/a" });
    await nextBeat(stage);
    await soon(() => pushes().includes("job_complete complete"));
    session.stop(0);
    await ended(end);
  });

  it("is another role", async () => {
    const { stage, session, end, kinds } = serving();
    await soon(() => stage.fusion.isComplete);
    answers(stage, { role: "follower" });
    await nextBeat(stage);
    await atRest();
    answers(stage, { role: "leader" });
    await nextBeat(stage);
    await soon(() => kinds().filter((kind) => kind === "snapshot complete").length === 2);
    session.stop(0);
    await ended(end);
  });
});

describe("what an operator asks for", () => {
  it("is a snapshot, which begins at once, but not beside another one nor of a follower", async () => {
    const { stage, session, end, pushes } = serving();
    expect(session.snapshotNow()).toBe("no leader");
    await soon(() => stage.fusion.isComplete);
    expect(session.snapshotNow()).toBeUndefined();
    expect(session.snapshotNow()).toBe("runs already");
    await soon(() => pushes().filter((push) => push === "snapshot end").length === 2);
    answers(stage, { role: "follower" });
    await nextBeat(stage);
    await atRest();
    expect(session.snapshotNow()).toBe("no leader");
    session.stop(0);
    await ended(end);
  });

  it("is that a snapshot pauses, goes on, and ends without an end; a new one lets audits begin", async () => {
    const { stage, session, end, pushes } = serving(
      { settings: { auditIntervalMs: 1e6, batchEvents: 1, eventRows: 1 } },
      ({ stage }) => {
        for (let i = 0; i < 200; i++) stage.source.write(`/f${i}`, 1, 2, true);
      },
    );
    const { snapshot, audit } = session.bulk;
    const says = (...commands: readonly SnapshotCommand[]) => commands.map((each) => session.commandSnapshot(each));
    expect(says("pause", "resume", "cancel")).toEqual([false, false, false]);
    await soon(() => pushes().length === 3);
    expect([...says("resume", "pause", "pause"), session.snapshotNow()]).toEqual([false, true, true, "runs already"]);
    await atRest();
    const sent = pushes().length;
    stage.write("/live");
    await soon(() => pushes().at(-1) === "message /live");
    expect([pushes().length, snapshot.state]).toEqual([sent + 1, "paused"]);
    expect(says("resume")).toEqual([true]);
    await soon(() => pushes().length > sent + 3);
    expect([...says("cancel", "cancel"), snapshot.state]).toEqual([true, false, "cancelled"]);
    await atRest();
    expect([stage.fusion.isComplete, audit.state, session.snapshotNow()]).toEqual([false, "off", undefined]);
    await soon(() => stage.fusion.isComplete);
    await soon(() => audit.state === "waiting");
    expect([session.snapshotNow(), ...says("pause", "cancel"), audit.state]).toEqual([
      undefined,
      true,
      true,
      "waiting",
    ]);
    session.stop(0);
    await ended(end);
  });

  it("is a round of the sentinel", async () => {
    const { stage, session, end } = serving({ settings: { sentinelIntervalMs: 1e6 } });
    await soon(() => stage.fusion.isComplete);
    expect(session.sentinelNow()).toBe(true);
    await soon(() => stage.sender.callsTo("getSentinelTasks").length === 1);
    session.stop(0);
    await ended(end);
  });

  it("is to see live changes as they are taken", async () => {
    const taken: string[] = [];
    const onTaken = (changes: readonly { readonly key: string }[]): void => {
      taken.push(...changes.map(({ key }) => key));
    };
    const { stage, session, end } = serving({ parts: { onTaken } });
    await soon(() => stage.fusion.isComplete);
    stage.write("/a");
    await soon(() => taken.includes("/a"));
    session.stop(0);
    await ended(end);
  });
});

describe("the end of a session", () => {
  it("comes after what is queued, and nothing of it goes on", async () => {
    const { stage, session, end } = serving({ settings: { sentinelIntervalMs: 500 } });
    await soon(() => stage.fusion.isComplete);
    stage.write("/a");
    session.stop(5_000);
    expect(await ended(end)).toEqual({ kind: "stopped" });
    expect([stage.subscription.backlog, stage.clock.pending, stage.source.chunksOut]).toEqual([0, 0, 0]);
  });

  it("comes at the deadline when the receiver does not answer", async () => {
    const { stage, session, end } = serving({}, ({ stage }) =>
      stage.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined)),
    );
    await soon(() => stage.sender.pushes.length === 1);
    session.stop(5_000);
    await stage.clock.passTo(4_999);
    await atRest();
    expect(stage.source.chunksOut).toBe(1);
    await stage.clock.passTo(5_000);
    expect(await ended(end)).toEqual({ kind: "stopped" });
    expect([session.hasDelivered, stage.source.chunksOut]).toEqual([false, 0]);
  });

  it("comes at the first failure once it was stopped", async () => {
    const { stage, session, end } = serving({}, ({ stage }) =>
      stage.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined)),
    );
    await soon(() => stage.makings.counters.pipe.failures === 1);
    expect(stage.makings.counters.lastError).toBe("planned: FUSTOR_SENDER_BUSY");
    session.stop(60_000);
    expect(await ended(end)).toEqual({ kind: "stopped" });
    expect(session.hasDelivered).toBe(false);
  });

  it("comes without delivery when its snapshot had not ended", async () => {
    const { session, end } = serving();
    session.stop(5_000);
    await ended(end);
    expect(session.hasDelivered).toBe(false);
  });

  it("says that the session was lost, and whether the receiver may still hold it", async () => {
    const lost = serving({}, ({ stage }) => {
      stage.receiver.heartbeat = async () => {
        throw new FustorError("FUSTOR_SESSION_LOST", "who are you?");
      };
    });
    expect(await ended(lost.end)).toEqual({ kind: "lost", reason: "who are you?", isGhost: false });
    const silent = serving({}, ({ stage }) =>
      stage.sender.setFaults((call) => (call === "heartbeat" ? { kind: "deaf" } : undefined)),
    );
    await silent.stage.clock.passTo(31_000);
    expect(await ended(silent.end)).toMatchObject({ kind: "lost", isGhost: true });
    expect(silent.stage.clock.pending).toBe(0);
  });

  it("says that it was lost even when it was stopped", async () => {
    const { stage, session, end } = serving({}, ({ stage }) => {
      stage.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SESSION_LOST" } : undefined));
    });
    session.stop(5_000);
    stage.write("/a");
    expect(await ended(end)).toMatchObject({ kind: "lost" });
  });

  it("says what broke", async () => {
    const defect = new Error("a defect");
    const { stage, end } = serving({}, ({ stage }) => {
      stage.subscription.take = () => {
        throw defect;
      };
    });
    expect(await ended(end)).toEqual({ kind: "broke", error: defect });
    expect(stage.clock.pending).toBe(0);
  });

  it("is an ordinary one when something breaks after it was stopped", async () => {
    const { stage, session, end } = serving({}, ({ stage }) => {
      stage.receiver.heartbeat = () => new Promise(() => undefined);
    });
    await soon(() => stage.fusion.isComplete);
    stage.subscription.take = () => {
      throw new Error("a defect");
    };
    session.stop(5_000);
    expect(await ended(end)).toEqual({ kind: "stopped" });
  });
});

describe("a batch that waits to be sent again", () => {
  it("goes when the session is woken, and when a heartbeat is answered again", async () => {
    const failing = (stage: SessionStage): void =>
      stage.sender.setFaults((call) =>
        call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY", retryAfterMs: 1e6 } : undefined,
      );
    const { stage, session, end } = serving({}, ({ stage }) => failing(stage));
    await soon(() => stage.makings.counters.pipe.failures === 1);
    stage.sender.noFaults();
    session.wake();
    await soon(() => stage.fusion.isComplete);
    failing(stage);
    stage.write("/a");
    await soon(() => stage.makings.counters.pipe.failures === 2);
    stage.sender.setFaults((call) => (call === "heartbeat" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined));
    await nextBeat(stage);
    await soon(() => stage.makings.counters.pipe.failures === 3);
    stage.sender.noFaults();
    await nextBeat(stage);
    await soon(() => stage.subscription.backlog === 0);
    session.stop(0);
    await ended(end);
  });
});

describe("an event", () => {
  it("that comes while another one is dealt with waits for its turn", async () => {
    const order: string[] = [];
    const served = made({}, (event, { session, stage }) => {
      order.push(event.kind);
      if (event.kind !== "snapshot ended") return;
      session.stop(0);
      order.push(`history ${stage.makings.history.isComplete}`, `stopped ${order.includes("stop")}`);
    });
    expect(await ended(served.run())).toEqual({ kind: "stopped" });
    expect(order).toContain("stopped false");
    expect(order).toContain("stop");
  });

  it("whose listener fails does not keep later ones back", async () => {
    let failures = 1;
    const { session, kinds } = made({}, () => {
      if (failures-- > 0) throw new Error("a listener failed");
    });
    expect(() => session.stop(0)).toThrow("a listener failed");
    session.stop(0);
    expect(kinds()).toEqual(["stop", "stop"]);
  });
});
