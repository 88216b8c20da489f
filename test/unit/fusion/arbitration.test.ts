/** What the scenarios of test/integration/fusion do not reach: rows that are no rows, and what is counted. */
import { expect, test } from "vitest";
import { Arbitration } from "../../../src/fusion/arbitration.ts";
import type { IngestEvent } from "../../../src/fusion/ingest-batch.ts";
import { NONE } from "../../../src/fusion/tree.ts";

const OLD = 1_700_000_000;

function made(clock = { wall: OLD + 1000, monotonicMs: 0 }) {
  const arbitration = new Arbitration({
    clock: { wallSeconds: () => clock.wall, monotonicMs: () => clock.monotonicMs },
    hotFileSeconds: 10,
    tombstoneSeconds: 100,
  });
  const say = (messageSource: IngestEvent["messageSource"], eventType: "update" | "delete", ...rows: unknown[]): void =>
    arbitration.apply({ messageSource, eventType, index: 1, rows } as unknown as IngestEvent);
  return { arbitration, say, clock };
}

const file = (path: string, more: object = {}): object => ({ path, size: 1, modified_time: OLD, ...more });

test.each(["realtime", "snapshot", "audit"] as const)(
  "%s rows that are no rows are counted and change nothing",
  (origin) => {
    const { arbitration, say } = made();
    const wrong = [null, 5, [], {}, { path: 7 }, file("/a", { size: -1 }), file("/a", { modified_time: "x" })];
    say(origin, "update", ...wrong);
    expect(arbitration.refused).toEqual({ malformed: wrong.length, tombstoned: 0, outdated: 0 });
    expect(arbitration.tree.lookup("/a")).toBe(NONE);
    say(origin, "update", file("/a"));
    expect(arbitration.tree.lookup("/a")).not.toBe(NONE);
  },
);

test("the root cannot be deleted, and that is counted", () => {
  const { arbitration, say } = made();
  say("realtime", "update", file("/a"));
  say("realtime", "delete", { path: "/" });
  expect(arbitration.refused.malformed).toBe(1);
  expect(arbitration.tree.lookup("/a")).not.toBe(NONE);
});

test("rows that are refused are counted by their reason until a reset", () => {
  const { arbitration, say } = made();
  say("realtime", "update", file("/a"));
  say("snapshot", "update", file("/a"), file("/a", { modified_time: OLD - 1 }));
  say("realtime", "delete", { path: "/b" });
  say("snapshot", "update", file("/b", { modified_time: OLD - 1 }));
  expect(arbitration.refused).toEqual({ malformed: 0, tombstoned: 1, outdated: 2 });
  expect(arbitration.tombstones).toBe(1);
  arbitration.reset();
  expect(arbitration.refused).toEqual({ malformed: 0, tombstoned: 0, outdated: 0 });
  expect(arbitration.tombstones).toBe(0);
});

test("a row of an audit that was listed before its directory last changed is counted as outdated", () => {
  const { arbitration, say } = made();
  say("realtime", "update", { ...file("/d"), is_directory: true });
  say("audit", "update", file("/d/gone", { parent_path: "/d", parent_mtime: OLD - 1 }));
  expect(arbitration.refused.outdated).toBe(1);
  expect(arbitration.tree.lookup("/d/gone")).toBe(NONE);
});

test("a row of an audit that does not say in which directory it was listed is not compared with the root", () => {
  const { arbitration, say } = made();
  say("realtime", "update", { ...file("/"), is_directory: true });
  say("audit", "update", file("/a", { parent_mtime: 5 }), file("/b", { parent_path: "/" }));
  expect(arbitration.refused.outdated).toBe(0);
  expect(["/a", "/b"].map((path) => arbitration.tree.lookup(path) !== NONE)).toEqual([true, true]);
});

test("a row of an audit that was listed as its directory is now counts", () => {
  const { arbitration, say } = made();
  say("realtime", "update", { ...file("/d"), is_directory: true });
  say("audit", "update", file("/d/a", { parent_path: "/d", parent_mtime: OLD }));
  say("audit", "update", file("/new/a", { parent_path: "/new", parent_mtime: OLD }));
  expect(arbitration.refused.outdated).toBe(0);
  expect(["/d/a", "/new/a"].map((path) => arbitration.tree.lookup(path) !== NONE)).toEqual([true, true]);
});

test("an audit that could not list a directory deletes nothing in it, the next one that could does", () => {
  const { arbitration, say } = made();
  const directory = (path: string, more: object = {}): object => ({ ...file(path, more), is_directory: true });
  say("snapshot", "update", directory("/"), directory("/d"), file("/d/a"));
  say("audit", "update", directory("/"), directory("/d", { audit_skipped: true }));
  arbitration.finishAudit();
  expect(arbitration.tree.lookup("/d/a")).not.toBe(NONE);
  say("audit", "update", directory("/"), directory("/d", { modified_time: OLD + 1 }));
  arbitration.finishAudit();
  expect(arbitration.tree.lookup("/d/a")).toBe(NONE);
});

test("a delete that no live row tells of spares what is newer, which is counted", () => {
  const { arbitration, say } = made();
  say("realtime", "update", file("/a"));
  say("snapshot", "delete", { path: "/a", modified_time: OLD - 1 });
  expect(arbitration.refused.outdated).toBe(1);
  expect(arbitration.tree.lookup("/a")).not.toBe(NONE);
  say("snapshot", "delete", { path: "/a", modified_time: OLD });
  expect(arbitration.tree.lookup("/a")).toBe(NONE);
  expect(arbitration.tombstones).toBe(0);
});

test("a file that only an audit found is unannounced until somebody tells of it or a new session comes", () => {
  const { arbitration, say } = made();
  const paths = (): string[] => arbitration.unannounced().map((id) => arbitration.tree.pathOf(id));
  expect(paths()).toEqual([]);
  say("snapshot", "update", file("/told"));
  say("audit", "update", file("/found"), file("/other"), { ...file("/directory"), is_directory: true });
  expect(paths()).toEqual(["/found", "/other"]);
  say("realtime", "update", file("/other"));
  expect(paths()).toEqual(["/found"]);
  arbitration.forgetAudit();
  expect(paths()).toEqual([]);
});

test("what an audit found missing is a blind deletion until the path is told of", () => {
  const { arbitration, say } = made();
  say("snapshot", "update", { ...file("/d"), is_directory: true }, file("/d/a"), file("/d/b"));
  say("audit", "update", { ...file("/d"), is_directory: true });
  arbitration.finishAudit();
  expect([...arbitration.blindDeletions].sort()).toEqual(["/d/a", "/d/b"]);
  say("realtime", "update", file("/d/a"));
  say("realtime", "delete", { path: "/d/b" });
  expect([...arbitration.blindDeletions]).toEqual([]);
});

test("a file is suspect for as long as it counts as being written, and what the agent saw of it prolongs that", () => {
  const { arbitration, say, clock } = made();
  say("realtime", "update", file("/a", { is_atomic_write: false }), file("/whole"));
  const suspects = (): string[] => arbitration.suspects.all().map((id) => arbitration.tree.pathOf(id));
  expect(suspects()).toEqual(["/a"]);
  clock.monotonicMs = 9000;
  expect(arbitration.suspects.correct("/whole", OLD, 1)).toBe(false);
  expect(arbitration.suspects.correct("/nowhere", OLD, 1)).toBe(false);
  expect(arbitration.suspects.correct("/a", OLD + 5, 77)).toBe(true);
  expect(arbitration.tree.sizeOf(arbitration.tree.lookup("/a"))).toBe(77);
  clock.monotonicMs = 18_000;
  expect(suspects()).toEqual(["/a"]);
  clock.monotonicMs = 20_000;
  expect(suspects()).toEqual([]);
});

test("tombstones are forgotten with an audit's end when they are old enough, and not before", () => {
  const { arbitration, say, clock } = made();
  say("realtime", "delete", { path: "/a" });
  const audit = (): void => {
    say("audit", "update", { ...file("/"), is_directory: true });
    arbitration.finishAudit();
  };
  clock.wall += 100;
  audit();
  expect(arbitration.tombstones).toBe(1);
  clock.wall += 1;
  arbitration.finishAudit();
  expect(arbitration.tombstones).toBe(1);
  audit();
  expect(arbitration.tombstones).toBe(0);
});

test("audits that ended are counted, with the time of the last, until a reset", () => {
  const { arbitration, say, clock } = made();
  arbitration.finishAudit();
  expect(arbitration.audit).toMatchObject({ running: false, finished: 0, lastFinishedAt: 0 });
  say("audit", "update", { ...file("/"), is_directory: true });
  expect(arbitration.audit.running).toBe(true);
  arbitration.finishAudit();
  expect(arbitration.audit).toMatchObject({ running: false, finished: 1, lastFinishedAt: clock.wall });
  arbitration.reset();
  expect(arbitration.audit).toMatchObject({ running: false, finished: 0, lastFinishedAt: 0 });
});

test("after a reset the tree is empty, no audit runs, no file is suspect, and time is that of the clock again", () => {
  const { arbitration, say, clock } = made();
  say("realtime", "update", file("/a", { is_atomic_write: false }));
  say("audit", "update", { ...file("/"), is_directory: true });
  expect(arbitration.logicalClock.now()).toBe(OLD);
  arbitration.reset();
  expect(arbitration.tree.lookup("/a")).toBe(NONE);
  expect(arbitration.suspects.all()).toEqual([]);
  expect(arbitration.logicalClock.now()).toBe(clock.wall);
  arbitration.finishAudit();
  expect(arbitration.audit.finished).toBe(0);
});

test("what lay below an entry that an audit found missing is no blind deletion of its own", () => {
  const { arbitration, say } = made();
  const [d, x] = ["/d", "/d/x"].map((path) => ({ ...file(path), is_directory: true }));
  say("snapshot", "update", d, x, file("/d/x/y"));
  // Nothing was told of /d itself.
  say("audit", "update", { ...file("/"), is_directory: true }, x);
  arbitration.finishAudit();
  expect([...arbitration.blindDeletions]).toEqual(["/d"]);
  expect(arbitration.tree.lookup("/d")).toBe(NONE);
});

test("blind deletions are forgotten with a new session, with a reset, and when a scan finds the path", () => {
  for (const forget of ["forgetAudit", "reset", "scan"] as const) {
    const { arbitration, say } = made();
    say("snapshot", "update", file("/a"));
    say("audit", "update", { ...file("/"), is_directory: true });
    arbitration.finishAudit();
    expect([...arbitration.blindDeletions]).toEqual(["/a"]);
    if (forget === "scan") say("snapshot", "update", file("/a"));
    else arbitration[forget]();
    expect([...arbitration.blindDeletions]).toEqual([]);
  }
});

test("a file that was unannounced in an earlier session is not so again when another one is found", () => {
  const { arbitration, say } = made();
  say("audit", "update", file("/old"));
  arbitration.forgetAudit();
  say("audit", "update", file("/new"));
  expect(arbitration.unannounced().map((id) => arbitration.tree.pathOf(id))).toEqual(["/new"]);
});

test("every count of refused rows is 0 after a reset", () => {
  const { arbitration, say } = made();
  say("snapshot", "update", null, file("/a"), file("/a"));
  say("realtime", "delete", { path: "/b" });
  say("snapshot", "update", file("/b"));
  expect(arbitration.refused).toEqual({ malformed: 1, tombstoned: 1, outdated: 1 });
  arbitration.reset();
  expect(arbitration.refused).toEqual({ malformed: 0, tombstoned: 0, outdated: 0 });
});

test("a suspect that the agent saw unchanged is no suspect for longer than before", () => {
  const { arbitration, say, clock } = made();
  say("realtime", "update", file("/a", { is_atomic_write: false }));
  clock.monotonicMs = 9000;
  expect(arbitration.suspects.correct("/a", OLD, 77)).toBe(true);
  expect(arbitration.tree.sizeOf(arbitration.tree.lookup("/a"))).toBe(1);
  clock.monotonicMs = 11_000;
  expect(arbitration.suspects.all()).toEqual([]);
});

test("a row may bring along 255 directories that nobody told of, and more only below one that is known", () => {
  const { arbitration, say } = made();
  const below = (path: string, count: number): string => path + "/d".repeat(count);
  say("snapshot", "update", file(below("", 256)));
  expect(arbitration.refused.malformed).toBe(1);
  say("snapshot", "update", file(below("", 255)));
  expect(arbitration.tree.lookup(below("", 255))).not.toBe(NONE);
  say("snapshot", "update", { ...file("/known"), is_directory: true }, file(below("/known", 255)));
  expect(arbitration.refused.malformed).toBe(1);
});

test("a live row without a modification time says nothing about the time, and no tombstone of another path holds it back", () => {
  const { arbitration, say } = made();
  say("realtime", "update", { path: "/a", size: 1 });
  say("realtime", "delete", { path: "/a" });
  say("realtime", "update", { path: "/b", size: 1 });
  expect(arbitration.tree.lookup("/b")).not.toBe(NONE);
  say("snapshot", "update", file("/a"));
  expect(arbitration.refused).toEqual({ malformed: 0, tombstoned: 1, outdated: 0 });
});

test("a row that is as old as the tombstone of its path is refused, a younger one lifts it", () => {
  const { arbitration, say, clock } = made();
  say("realtime", "delete", { path: "/a" });
  const stamp = clock.wall;
  say("snapshot", "update", file("/a", { modified_time: stamp }));
  expect([arbitration.refused.tombstoned, arbitration.tombstones]).toEqual([1, 1]);
  expect(arbitration.tree.lookup("/a")).toBe(NONE);
  say("snapshot", "update", file("/a", { modified_time: stamp + 0.001 }));
  expect([arbitration.refused.tombstoned, arbitration.tombstones]).toEqual([1, 0]);
  expect(arbitration.tree.lookup("/a")).not.toBe(NONE);
});

test("a scan of a young file makes it a suspect for the rest of its time, that of an old one ends no suspicion", () => {
  const { arbitration, say, clock } = made();
  const suspects = (): string[] => arbitration.suspects.all().map((id) => arbitration.tree.pathOf(id));
  say("snapshot", "update", file("/young", { modified_time: clock.wall - 4 }));
  say("snapshot", "update", file("/future", { modified_time: clock.wall + 500 }));
  clock.monotonicMs = 5999;
  expect(suspects()).toEqual(["/young", "/future"]);
  clock.monotonicMs = 6001;
  expect(suspects()).toEqual(["/future"]);
  clock.monotonicMs = 10_001;
  expect(suspects()).toEqual([]);
  for (const age of [10, 11, 900]) {
    const again = made();
    again.say("realtime", "update", { path: "/a", size: 1, is_atomic_write: false });
    again.say("snapshot", "update", file("/a", { modified_time: again.clock.wall - age }));
    again.clock.monotonicMs = 9000;
    expect(again.arbitration.suspects.all()).toHaveLength(1);
  }
});
