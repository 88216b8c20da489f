import { describe, expect, it } from "vitest";
import { SessionRegistry } from "../../../src/fusion/session-registry.ts";

function registry() {
  let ms = 0;
  let count = 0;
  const clock = { wallSeconds: () => 1_000 + ms / 1000, monotonicMs: () => ms };
  const sessions = new SessionRegistry(clock);
  const open = (pipeId: string, timeoutSeconds: number) =>
    sessions.open(`s${++count}`, { pipeId, taskId: "a:t", sourceUri: null, clientIp: null, timeoutSeconds });
  return { sessions, open, pass: (passed: number) => (ms += passed) };
}

describe("SessionRegistry", () => {
  it("gives up a session when more than its own timeout has passed since the last heartbeat", () => {
    const { sessions, open, pass } = registry();
    const short = open("p", 2);
    const long = open("p", 30);
    pass(2000);
    expect(sessions.takeExpired()).toEqual([]);
    sessions.beat(short, undefined);
    pass(2000);
    expect(sessions.takeExpired()).toEqual([]);
    pass(1);
    expect(sessions.takeExpired()).toEqual([short]);
    expect(sessions.get(short.id)).toBeUndefined();
    expect(sessions.takeExpired()).toEqual([]);
    pass(30_000);
    expect(sessions.takeExpired()).toEqual([long]);
    expect(sessions.hasAny(["p"])).toBe(false);
  });

  it("knows the first to expire among many that come, go, and stay alive", () => {
    const { sessions, open, pass } = registry();
    const all = Array.from({ length: 500 }, (_, at) => open("p", 1 + ((at * 37) % 60)));
    for (const [at, session] of all.entries()) if (at % 3 === 0) sessions.remove(session.id);
    pass(500);
    for (const [at, session] of all.entries()) if (at % 5 === 0) sessions.beat(session, true);
    const due = (session: (typeof all)[number]): number => session.lastHeartbeatMs + session.timeoutSeconds * 1000;
    const left = all.filter((_, at) => at % 3 !== 0);
    for (let at = 0; at < 61; at++) {
      pass(1000);
      const now = 500 + (at + 1) * 1000;
      const expected = left.filter((session) => due(session) < now && due(session) >= now - 1000);
      expect(new Set(sessions.takeExpired())).toEqual(new Set(expected));
    }
    expect(sessions.countOf("p")).toBe(0);
  });

  it("delivers a command once", () => {
    const { sessions, open } = registry();
    const session = open("p", 30);
    session.commands.push({ type: "scan", path: "/", recursive: true, job_id: "j", created_at: 0 });
    expect(sessions.beat(session, true)).toHaveLength(1);
    expect(sessions.beat(session, undefined)).toHaveLength(0);
    expect(session.canRealtime).toBe(true);
  });

  it("tells the sessions of a pipe from those of others", () => {
    const { sessions, open } = registry();
    const one = open("p", 30);
    open("q", 30);
    expect(sessions.ofPipe("p")).toEqual([one]);
    expect(sessions.ofPipes(new Set(["p", "q"]))).toHaveLength(2);
    expect(sessions.countOf("q")).toBe(1);
    sessions.remove(one.id);
    expect(sessions.get(one.id)).toBeUndefined();
  });
});
