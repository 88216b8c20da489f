import { describe, expect, it } from "vitest";
import type { Ambience } from "../../../src/pipe/pipe-options.ts";
import { systemAmbience } from "../../../src/pipe/system-ambience.ts";
import { FustorError } from "../../../src/sdk/index.ts";
import type { ReceivedEnvelope } from "../../support/faulty-sender.ts";
import { elapse, PipeHarness, stays, until } from "../../support/pipe-harness.ts";

const HOUR = 3_600_000;
/** Old enough for no tombstone to be in the way. */
const OLD = 1_700_000_000;

function withTree(harness: PipeHarness): PipeHarness {
  const { source } = harness;
  for (const directory of ["/a", "/b"]) {
    source.mkdir(directory, OLD, true);
    for (let i = 0; i < 30; i++) source.write(`${directory}/f${i}`, i, OLD, true);
  }
  return harness;
}

const auditing = (options: ConstructorParameters<typeof PipeHarness>[0] = {}): PipeHarness =>
  withTree(
    new PipeHarness({
      fusion: { sessionTimeoutMs: 600, ...options.fusion },
      ...options,
      settings: { auditIntervalMs: HOUR, ...options.settings },
    }),
  );

/** Twenty times as fast as the real clock. */
const hurried: Ambience = {
  ...systemAmbience,
  now: () => performance.now() * 20,
  setTimer: (delayMs, callback) => systemAmbience.setTimer(delayMs / 20, callback),
};

const isAudit = (envelope?: ReceivedEnvelope): boolean => envelope?.sourceType === "audit";
const ends = (harness: PipeHarness): number =>
  harness.sender.pushes.filter((push) => isAudit(push) && push.isEnd).length;
const auditsDone = (harness: PipeHarness): number => harness.pipe.status().audit.runs;

describe("audits of a leader", () => {
  it("follow the snapshot twice, tell everything, and remove what is not there", async () => {
    const harness = auditing();
    const { fusion } = harness;
    fusion.view.put("/ghost", { modifiedTime: OLD, size: 1, isDirectory: false });
    fusion.view.put("/a/ghost", { modifiedTime: OLD, size: 1, isDirectory: false });
    await harness.start();
    await until(() => auditsDone(harness) === 2);
    expect(fusion.removedByAudits).toEqual(["/ghost", "/a/ghost"]);
    expect(harness.differences()).toEqual([]);
    expect(harness.pipe.status().audit).toMatchObject({ state: "waiting", runs: 2, cutShort: 0 });
    expect(harness.source.chunksOut).toBe(0);
  });

  it("follow the snapshot once when this agent led just before and was stopped in order", async () => {
    const harness = auditing();
    harness.fusion.view.put("/ghost", { modifiedTime: OLD, size: 1, isDirectory: false });
    Object.assign(harness.store, { aliveAt: Date.now(), hasTakenOver: true });
    await harness.start();
    await until(() => auditsDone(harness) === 1);
    expect(harness.fusion.removedByAudits).toEqual(["/ghost"]);
    // The second one would come a session timeout after the first.
    await stays(
      () => ends(harness) === 1,
      1_500,
      () => "one audit",
    );
    expect(harness.pipe.status().audit).toMatchObject({ state: "waiting", runs: 1 });
    expect(harness.store.hasTakenOver).toBe(true);
  });

  const clean = { aliveAt: 0, hasTakenOver: true };
  it.each([
    ["crashed", () => ({ ...clean, aliveAt: Date.now(), session: "dead" })],
    ["was stopped longer ago than a session timeout", () => ({ ...clean, aliveAt: Date.now() - 600 })],
    ["had a clock that was ahead of ours", () => ({ ...clean, aliveAt: Date.now() + HOUR })],
    ["left no record of its deletes", () => ({ ...clean, aliveAt: Date.now(), keys: undefined })],
    [
      "followed, or had not sent the audits of its own take-over",
      () => ({ ...clean, aliveAt: Date.now(), hasTakenOver: false }),
    ],
  ])("follow the snapshot twice when the run before %s", async (_, store) => {
    const harness = auditing();
    Object.assign(harness.store, store());
    await harness.start();
    await until(() => auditsDone(harness) === 2);
    expect(harness.store.hasTakenOver).toBe(true);
  });

  it("leave no take-over as done that was interrupted", async () => {
    const harness = auditing();
    await harness.start();
    await until(() => auditsDone(harness) === 1);
    expect(harness.store.hasTakenOver).toBe(false);
    await until(() => auditsDone(harness) === 2);
    const mine = harness.fusion.sessions[0] as string;
    harness.fusion.createSession({ taskId: "other", sourceType: "fs", sourceUri: "/" });
    harness.fusion.appoint(harness.fusion.sessions.find((id) => id !== mine));
    await until(() => harness.pipe.status().role === "follower");
    expect(harness.store.hasTakenOver).toBe(false);
  });

  it("count a directory as told that they have to lift, so that what is gone in it is removed", async () => {
    const harness = auditing();
    const { fusion, source, store } = harness;
    for (const path of ["/a/d", "/a/locked"]) source.mkdir(path, OLD, true);
    source.unlistable.add("/a/locked");
    store.directories = ["/a"];
    await harness.start();
    await until(() => auditsDone(harness) === 1);
    for (const path of ["/a/d/ghost", "/a/locked/kept"])
      fusion.view.put(path, { modifiedTime: OLD, size: 1, isDirectory: false });
    await until(() => auditsDone(harness) === 2);
    expect(fusion.removedByAudits).toEqual(["/a/d/ghost"]);
    expect(fusion.view.has("/a/locked/kept")).toBe(true);
  });

  it("end what another run's tombstones cost, two hours after it", async () => {
    let later = 0;
    const ambience: Ambience = { ...systemAmbience, wallClock: () => Date.now() + later };
    const harness = auditing({ parts: { ambience } });
    Object.assign(harness.store, { aliveAt: Date.now() - 100, session: "dead" });
    const formsOf = (wanted: string): string[] =>
      harness.sender.accepted.flatMap(({ events }) =>
        events.filter(({ rows }) => rows.some(({ path }) => path === wanted)).map((event) => event.messageSource),
      );
    await harness.start();
    await until(() => auditsDone(harness) === 1);
    harness.source.write("/a/early", 1, OLD);
    await until(() => formsOf("/a/early").length > 0);
    expect(formsOf("/a/early").slice(0, 2)).toEqual(["snapshot", "realtime"]);
    later = 3 * HOUR;
    await until(() => auditsDone(harness) === 2);
    harness.source.write("/a/late", 1, OLD);
    await until(() => formsOf("/a/late").length > 0);
    expect(formsOf("/a/late")).toEqual(["realtime"]);
  });

  it("lower a modification time that another agent left too young, and count the directory as told all the same", async () => {
    const harness = auditing();
    const { fusion, source } = harness;
    await harness.start();
    await until(() => auditsDone(harness) === 1);
    source.mkdir("/a/moved", OLD, true);
    source.write("/a/moved/f", 5, OLD, true);
    Object.assign(source.tree.get("/a/moved") as object, { created_time: Date.now() / 1000 });
    const late = { modifiedTime: Date.now() / 1000, size: 9 };
    fusion.view.put("/a/moved", { ...late, isDirectory: true });
    fusion.view.put("/a/moved/f", { ...late, isDirectory: false });
    fusion.view.put("/a/moved/ghost", { ...late, modifiedTime: OLD, isDirectory: false });
    await until(() => auditsDone(harness) === 2);
    expect(harness.differences()).toEqual([]);
    expect(fusion.removedByAudits).toEqual(["/a/moved/ghost"]);
  });

  it("begin with the root's row alone, and each directory's row comes before those in it", async () => {
    const harness = auditing();
    await harness.start();
    await until(() => auditsDone(harness) === 1);
    const pushes = harness.sender.accepted.filter(isAudit);
    const rows = pushes.map((push) => push.events.flatMap((event) => event.rows.map((row) => String(row.path))));
    expect(rows[0]).toEqual(["/"]);
    expect(rows.at(-1)).toEqual([]);
    expect(pushes.map(({ isEnd }) => isEnd).lastIndexOf(false)).toBe(pushes.length - 2);
    const order = rows.flat();
    for (const [at, path] of order.entries()) {
      if (path.lastIndexOf("/") > 0) expect(order.indexOf(path.slice(0, path.lastIndexOf("/")))).toBeLessThan(at);
    }
    const file = pushes
      .flatMap((push) => push.events)
      .flatMap((event) => event.rows)
      .find(({ path }) => path === "/a/f1");
    expect(file).toMatchObject({ parent_path: "/a", parent_mtime: OLD });
  });

  it("go on at the interval that Fusion names", async () => {
    const harness = auditing({ fusion: { sessionTimeoutMs: 600, intervals: { auditIntervalMs: 30 } } });
    await harness.start();
    await until(() => auditsDone(harness) >= 4);
  });

  it("do not happen when the configuration turns them off", async () => {
    const harness = auditing({ settings: { auditIntervalMs: 0 } });
    await harness.start();
    await until(() => harness.pipe.status().snapshot === "complete");
    harness.source.write("/later", 1);
    await until(() => harness.fusion.view.has("/later"));
    expect(harness.source.audits).toBe(0);
    expect(harness.pipe.status().audit.state).toBe("off");
  });

  it("are not for followers", async () => {
    const harness = auditing();
    harness.fusion.createSession({ taskId: "other", sourceType: "fs", sourceUri: "/" });
    await harness.start();
    await until(() => harness.pipe.status().role === "follower");
    harness.source.write("/later", 1);
    await until(() => harness.fusion.view.has("/later"));
    expect(harness.source.audits).toBe(0);
  });

  it("send a refused batch again before anything else, and delete nothing", async () => {
    const harness = auditing();
    let failures = 0;
    harness.sender.setFaults((call, envelope) => {
      if (call !== "push" || !isAudit(envelope) || envelope?.events.length === 0 || failures > 20) return undefined;
      return failures++ % 2 === 0 ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined;
    });
    await harness.start();
    await until(() => auditsDone(harness) === 1);
    expect(failures).toBeGreaterThan(3);
    expect(harness.fusion.removedByAudits).toEqual([]);
    expect(harness.differences()).toEqual([]);
  });

  it("never end while their batches fail", async () => {
    const harness = auditing();
    let attempts = 0;
    harness.sender.setFaults((call, envelope) => {
      if (call !== "push" || !isAudit(envelope)) return undefined;
      attempts++;
      return attempts > 2 ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined;
    });
    await harness.start();
    await until(() => attempts > 6);
    expect(ends(harness)).toBe(0);
    expect(harness.fusion.removedByAudits).toEqual([]);
  });

  it("get no end when the receiver refuses one of their rows", async () => {
    const harness = auditing({ settings: { auditIntervalMs: 30 } });
    let poisonous = true;
    harness.sender.setFaults((call, envelope) =>
      call === "push" &&
      poisonous &&
      isAudit(envelope) &&
      envelope?.events.some((event) => event.rows.some(({ path }) => path === "/a/f7"))
        ? { kind: "fail", code: "FUSTOR_BATCH_REFUSED" }
        : undefined,
    );
    await harness.start();
    await until(() => harness.pipe.status().audit.cutShort >= 2);
    expect(ends(harness)).toBe(0);
    expect(harness.fusion.view.has("/a/f7")).toBe(true);
    poisonous = false;
    await until(() => auditsDone(harness) >= 1);
    expect(harness.differences()).toEqual([]);
  });

  it("start anew when the source fails in the middle, without an end", async () => {
    const harness = auditing({ source: { chunkRows: 5 } });
    let broken = false;
    harness.sender.setFaults((call, envelope) => {
      if (call === "push" && isAudit(envelope) && !broken) {
        broken = true;
        harness.source.breakSnapshot(new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "unmounted", { retryable: true }), 3);
      }
      return undefined;
    });
    await harness.start();
    await until(() => auditsDone(harness) >= 1);
    expect(harness.source.audits).toBeGreaterThan(1);
    expect(harness.pipe.status().audit.cutShort).toBe(1);
    expect(harness.fusion.removedByAudits).toEqual([]);
  });

  it("spare what is in a directory that could not be listed", async () => {
    const harness = auditing();
    harness.source.unlistable.add("/a");
    await harness.start();
    await until(() => auditsDone(harness) === 2);
    expect(harness.fusion.removedByAudits).toEqual([]);
    expect(harness.differences()).toEqual([]);
  });

  it("spare what is in a directory that could not be listed when a mapping does not name the mark", async () => {
    const names = ["path", "file_name", "size", "modified_time", "is_directory"];
    const fieldsMapping = names.map((name) => ({ to: name, source: [name] }));
    const harness = auditing({ settings: { fieldsMapping } });
    harness.source.unlistable.add("/a");
    await harness.start();
    await until(() => auditsDone(harness) === 2);
    expect(harness.fusion.removedByAudits).toEqual([]);
    expect(harness.differences()).toEqual([]);
  });

  it("get no end when a live row that came meanwhile is refused: the path stays in the view", async () => {
    const harness = auditing({ source: { chunkRows: 5 } });
    let touched = false;
    harness.sender.setFaults((call, envelope) => {
      if (call !== "push") return undefined;
      const rows = envelope?.events.flatMap((event) => event.rows) ?? [];
      if (isAudit(envelope) && !touched && rows.some(({ path }) => path === "/b/f0")) {
        touched = true;
        harness.source.write("/b/f29", 777);
      }
      const isBad = envelope?.sourceType === "message" && rows.some(({ path }) => path === "/b/f29");
      return isBad ? { kind: "fail", code: "FUSTOR_BATCH_REFUSED" } : undefined;
    });
    await harness.start();
    await until(() => harness.pipe.status().audit.cutShort + auditsDone(harness) > 0);
    expect(harness.poison.map(({ key }) => key)).toEqual(["/b/f29"]);
    expect(harness.fusion.removedByAudits).toEqual([]);
    expect(harness.fusion.view.has("/b/f29")).toBe(true);
  });

  it("go on while live changes are late all the time", async () => {
    const harness = auditing({
      fusion: { sessionTimeoutMs: 60_000 },
      settings: { snapshotPauseLagMs: 1 },
      parts: { ambience: hurried },
    });
    harness.sender.setFaults((call, envelope) =>
      call === "push" && envelope?.sourceType === "message" ? { kind: "slow", delayMs: 5 } : undefined,
    );
    let writes = 0;
    const writer = setInterval(() => harness.source.write("/b/busy", writes++), 2);
    try {
      await harness.start();
      await until(() => auditsDone(harness) >= 1);
    } finally {
      clearInterval(writer);
    }
    expect(harness.fusion.removedByAudits).toEqual([]);
  });

  it("stop at once when another agent takes the lead, and begin anew with the next promotion", async () => {
    const harness = auditing({ source: { chunkRows: 2, directoryPauseMs: 5 } });
    let demoted = false;
    harness.sender.setFaults((call, envelope) => {
      if (call === "push" && isAudit(envelope) && !demoted && envelope?.events.some(({ rows }) => rows.length > 1)) {
        demoted = true;
        harness.fusion.appoint("another agent");
      }
      // Slow until the heartbeat told of it, so that most of the audit is still to come then.
      const isSlow = harness.pipe.status().role === "leader";
      return call === "push" && isAudit(envelope) ? { kind: "slow", delayMs: isSlow && demoted ? 100 : 1 } : undefined;
    });
    await harness.start();
    await until(() => demoted && harness.pipe.status().role === "follower");
    const sent = harness.sender.pushes.filter(isAudit).length;
    const later = (): number => harness.sender.pushes.filter(isAudit).length - sent;
    for (let i = 0; i < 20; i++) {
      harness.source.write(`/later${i}`, i);
      await until(() => harness.fusion.view.has(`/later${i}`));
    }
    await stays(
      () => later() === 0,
      150,
      () => `${later()} batches of an audit by a follower`,
    );
    expect(harness.pipe.status().audit.state).toBe("off");
    expect(ends(harness)).toBe(0);
    harness.fusion.appoint(harness.fusion.sessions[0]);
    await until(() => auditsDone(harness) === 1);
    expect(harness.differences()).toEqual([]);
  });

  it("send no end again that was on its way when another agent took the lead", async () => {
    const harness = auditing({ settings: { errorRetryIntervalMs: 50, maxBackoffMs: 50 } });
    const { fusion, sender } = harness;
    let refused = 0;
    sender.setFaults((call, envelope) => {
      if (call !== "push" || !isAudit(envelope) || !envelope?.isEnd) return undefined;
      fusion.appoint("another agent");
      if (harness.pipe.status().role === "follower") return undefined;
      refused++;
      return { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" };
    });
    await harness.start();
    await until(() => refused > 0 && harness.pipe.status().role === "follower");
    fusion.view.put("/ghost", { modifiedTime: OLD, size: 1, isDirectory: false });
    harness.source.write("/later", 1);
    await until(() => fusion.view.has("/later"));
    const noEnd = (): boolean => sender.accepted.every((push) => !isAudit(push) || !push.isEnd);
    await stays(noEnd, 200, () => "a follower ends no audit");
    expect(fusion.removedByAudits).toEqual([]);
  });

  it("leave out rows that were read before a live change of the same path was sent", async () => {
    // All of the tree is read at once, and goes out in small batches.
    const harness = auditing({ source: { chunkRows: 100 }, settings: { batchEvents: 1, eventRows: 10 } });
    const { source, sender, fusion } = harness;
    let held: readonly string[] = [];
    let over = false;
    sender.setFaults((call, envelope) => {
      const isRows = call === "push" && isAudit(envelope) && envelope?.events.some(({ rows }) => rows.length > 1);
      if (!isRows || over) return undefined;
      held = envelope?.events.flatMap(({ rows }) => rows.map(({ path }) => String(path))) ?? [];
      return { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" };
    });
    await harness.start();
    await until(() => held.length > 0);
    expect(held.length).toBeLessThanOrEqual(10);
    over = true;
    const next = Number(/\d+$/.exec(held.at(-1) ?? "")?.[0] ?? "0") + 1;
    source.write(`/a/f${next}`, 777, OLD - 5);
    source.remove(`/a/f${next + 1}`);
    await until(() => auditsDone(harness) >= 1);
    const told = sender.accepted.filter(isAudit).flatMap(({ events }) => events.flatMap(({ rows }) => rows));
    const live = sender.accepted.findIndex(
      ({ sourceType, events }) =>
        sourceType === "message" && events.some(({ rows }) => rows.some(({ path }) => path === `/a/f${next}`)),
    );
    const last = sender.accepted.findLastIndex(isAudit);
    expect(live).toBeGreaterThan(-1);
    expect(live).toBeLessThan(last);
    const first = told.slice(
      0,
      told.findIndex((row, at) => at > 0 && row.path === "/"),
    );
    expect(first.filter(({ path, size }) => path === `/a/f${next}` && size === next)).toEqual([]);
    expect(first.filter(({ path }) => path === `/a/f${next + 1}`)).toEqual([]);
    expect(fusion.view.get(`/a/f${next}`)?.size).toBe(777);
  });

  it("spare what is written while they run", async () => {
    const harness = auditing({ source: { chunkRows: 3, directoryPauseMs: 2 }, settings: { auditIntervalMs: 5 } });
    await harness.start();
    await until(() => harness.pipe.status().snapshot === "complete");
    for (let i = 0; i < 300; i++) {
      const directory = i % 2 === 0 ? "/a" : `/new${i % 9}`;
      if (!harness.source.tree.has(directory)) harness.source.mkdir(directory);
      harness.source.write(`${directory}/w${i % 23}`, i);
      if (i % 5 === 0) harness.source.remove(`${directory}/w${(i + 7) % 23}`);
      if (i % 37 === 0) harness.source.remove(`/new${i % 9}`);
      await elapse(1); // the pace of the writer
    }
    await until(
      () => harness.pipe.status().backlog === 0 && harness.differences().length === 0,
      () => harness.differences(),
    );
    expect(harness.fusion.removedByAudits).toEqual([]);
    const { runs } = harness.pipe.status().audit;
    await until(() => auditsDone(harness) > runs);
    expect(harness.differences()).toEqual([]);
  });

  it("do not run when the session is given up in their middle, nor end afterwards", async () => {
    const harness = auditing({ source: { chunkRows: 2 } });
    let lost = false;
    harness.sender.setFaults((call, envelope) => {
      if (call === "push" && isAudit(envelope) && !lost && envelope?.events.some(({ rows }) => rows.length > 1)) {
        lost = true;
        return { kind: "fail", code: "FUSTOR_SESSION_LOST" };
      }
      return undefined;
    });
    await harness.start();
    await until(() => auditsDone(harness) >= 1);
    expect(lost).toBe(true);
    const first = harness.sender.pushes.find(isAudit)?.sessionId;
    expect(harness.sender.pushes.filter((push) => isAudit(push) && push.sessionId === first && push.isEnd)).toEqual([]);
    expect(harness.differences()).toEqual([]);
  });
});
