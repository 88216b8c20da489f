import { describe, expect, it } from "vitest";
import { SessionRegistry } from "../../../src/fusion/session-registry.ts";

function registry() {
  let ms = 0;
  let count = 0;
  const clock = { wallSeconds: () => 1_000 + ms / 1000, monotonicMs: () => ms };
  const sessions = new SessionRegistry(clock, () => `s${++count}`);
  const open = (pipeId: string, timeoutSeconds: number) =>
    sessions.open({ pipeId, taskId: "a:t", sourceUri: null, clientIp: null, timeoutSeconds });
  return { sessions, open, pass: (passed: number) => (ms += passed) };
}

describe("SessionRegistry", () => {
  it("expires a session when more than its own timeout has passed since the last heartbeat", () => {
    const { sessions, open, pass } = registry();
    const short = open("p", 2);
    const long = open("p", 30);
    pass(2000);
    expect(sessions.expired()).toEqual([]);
    pass(1);
    expect(sessions.expired()).toEqual([short]);
    sessions.beat(short, undefined);
    expect(sessions.expired()).toEqual([]);
    pass(30_000);
    expect(sessions.expired()).toEqual([short, long]);
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
    sessions.remove(one.id);
    expect(sessions.get(one.id)).toBeUndefined();
  });
});
