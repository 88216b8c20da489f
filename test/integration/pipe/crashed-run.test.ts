import { describe, expect, it } from "vitest";
import type { FakeSource } from "../../support/fake-source.ts";
import { PipeHarness, until } from "../../support/pipe-harness.ts";

const OLD = 1_700_000_000;
const other = { taskId: "other", sourceType: "fs", sourceUri: "/" };
const now = (): number => Date.now() / 1000;

/** A view that stays, because another agent follows it, with a tombstone of a run that died. */
function withTombstone(harness: PipeHarness, path: string): void {
  const sessionId = harness.fusion.createSession(other).sessionId;
  harness.fusion.appoint(undefined);
  const events = [{ eventType: "delete", messageSource: "realtime", index: 1, rows: [{ path }] }] as const;
  harness.fusion.ingest(sessionId, { events });
}

/** As restored by a program that keeps the times of its content: only the ctime is young. */
function restore(source: FakeSource, path: string): void {
  source.write(path, 5, OLD, true);
  Object.assign(source.tree.get(path) as object, { created_time: now() });
}

describe("a run that follows one that died", () => {
  it("brings back what stands under its tombstones, although it was changed before this run began", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 5_000 } });
    harness.source.mkdir("/d", OLD, true);
    restore(harness.source, "/d/restored");
    withTombstone(harness, "/d/restored");
    harness.store.session = "session of the run that died";
    harness.store.aliveAt = Date.now() - 1_000;
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
    const forms = harness.sender.accepted.flatMap(({ events }) =>
      events.filter(({ rows }) => rows.some(({ path }) => path === "/d/restored")).map((event) => event.messageSource),
    );
    expect(forms).toEqual(["snapshot", "realtime"]);
  });

  it("knowsTombstones nothing when there was none", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 5_000 } });
    restore(harness.source, "/young");
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.sender.accepted.flatMap(({ events }) => events.map((event) => event.messageSource))).not.toContain(
      "realtime",
    );
  });

  it("that is promoted knowsTombstones what is younger than three session timeouts", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 } });
    harness.source.write("/old", 1, OLD, true);
    restore(harness.source, "/young");
    withTombstone(harness, "/young");
    harness.fusion.appoint(harness.fusion.sessions[0]);
    await harness.start();
    await until(() => harness.pipe.status().role === "follower");
    harness.fusion.appoint(harness.fusion.sessions.find((id) => !id.endsWith("other")));
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
    const live = harness.sender.accepted.flatMap(({ events }) =>
      events.filter((event) => event.messageSource === "realtime").flatMap(({ rows }) => rows.map(({ path }) => path)),
    );
    expect(live).toEqual(["/young"]);
  });

  it("lowers the times of what lies in a directory that was put in place of another one", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 5_000 } });
    const { source, fusion } = harness;
    source.mkdir("/calm", OLD, true);
    source.write("/calm/f", 5, OLD, true);
    source.mkdir("/d", OLD, true);
    Object.assign(source.tree.get("/d") as object, { created_time: now() });
    source.mkdir("/d/e", OLD, true);
    source.write("/d/e/f", 5, OLD, true);
    withTombstone(harness, "/elsewhere");
    for (const path of ["/d", "/d/e", "/d/e/f"]) {
      fusion.view.put(path, { modifiedTime: now() - 1, size: 9, isDirectory: !path.endsWith("f") });
    }
    harness.store.session = "session of the run that died";
    harness.store.aliveAt = Date.now() - 1_000;
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
    const live = harness.sender.accepted.flatMap(({ events }) =>
      events.filter((event) => event.messageSource === "realtime").flatMap(({ rows }) => rows.map(({ path }) => path)),
    );
    expect(live).toEqual(["/d", "/d/e", "/d/e/f"]);
  });

  it.each([
    ["reads everything for that", false],
    ["finds what was changed", true],
  ])(
    "as a follower tells again what changed around the crash, by live rows, and once, from a source that %s",
    async (_, findsChanges) => {
      const harness = new PipeHarness({ source: { findsChanges }, fusion: { sessionTimeoutMs: 5_000 } });
      const { source, fusion } = harness;
      source.write("/old", 1, OLD, true);
      restore(source, "/young");
      withTombstone(harness, "/young");
      fusion.appoint(fusion.sessions[0]);
      harness.store.session = "session of the run that died";
      harness.store.aliveAt = Date.now() - 100;
      await harness.start();
      await until(() => fusion.view.get("/young")?.modifiedTime === OLD);
      expect(harness.pipe.status().role).toBe("follower");
      const forms = (): unknown[] =>
        harness.sender.accepted.flatMap(({ sourceType, events }) =>
          events.flatMap((event) => event.rows.map(({ path }) => [sourceType, event.messageSource, path])),
        );
      const told = [
        ["message", "snapshot", "/young"],
        ["message", "realtime", "/young"],
      ];
      expect(forms()).toEqual(told);
      const [mine] = fusion.sessions.filter((id) => !id.endsWith("other"));
      fusion.expire(mine ?? "");
      await until(() => fusion.sessions.some((id) => id !== mine && !id.endsWith("other")));
      await until(() => harness.pipe.status().role === "follower");
      expect(forms()).toEqual(told);
      expect(source.chunksOut).toBe(0);
      expect([source.snapshots, source.restatements]).toEqual(findsChanges ? [0, 1] : [1, 0]);
    },
  );

  it("knows the paths that an earlier run deleted", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 5_000 } });
    harness.source.write("/back", 5, OLD, true);
    withTombstone(harness, "/back");
    harness.store.keys = new Set(["/back", "/still gone"]);
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
    expect([...(harness.store.keys ?? [])]).toEqual(["/still gone"]);
  });

  it("knowsTombstones everything in its snapshot when earlier runs deleted more than can be known one by one", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 5_000 } });
    harness.source.mkdir("/d", OLD, true);
    harness.source.write("/d/back", 5, OLD, true);
    withTombstone(harness, "/d/back");
    harness.store.everything = true;
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
  });

  it("writes a path down before its delete is sent, and strikes it out when it is back", async () => {
    const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 5_000 } });
    harness.source.write("/a", 1, OLD, true);
    await harness.start();
    await until(() => harness.isSettled);
    let known: boolean | undefined;
    harness.sender.setFaults((call, envelope) => {
      if (call === "push" && envelope?.events.some((event) => event.eventType === "delete")) {
        known ??= harness.store.keys?.has("/a") === true;
      }
      return undefined;
    });
    harness.source.remove("/a");
    await until(() => known !== undefined);
    expect(known).toBe(true);
    harness.source.write("/a", 2, OLD);
    await until(() => harness.store.keys?.has("/a") === false);
    expect(harness.differences()).toEqual([]);
  });
});
