import { describe, expect, it } from "vitest";
import {
  describePhase,
  nextPipePhase,
  type PipeEvent,
  type PipePhase,
  sourceTrouble,
} from "../../../src/pipe/pipe-state.ts";

const phases: readonly PipePhase[] = [
  { kind: "stopped" },
  { kind: "connecting", reason: undefined, source: undefined },
  { kind: "backing_off", code: "FUSTOR_SENDER_UNREACHABLE", reason: "no", failures: 1, delayMs: 5, source: undefined },
  { kind: "connected", sessionId: "s", role: "leader", source: undefined },
  { kind: "draining", sessionId: "s", role: "leader" },
  { kind: "failed", reason: "broken" },
];

const failure = { code: "FUSTOR_SENDER_UNREACHABLE", reason: "no", failures: 1, delayMs: 5 } as const;
const events: readonly PipeEvent[] = [
  { kind: "start" },
  { kind: "session_created", sessionId: "s", role: "leader" },
  { kind: "connect_failed", ...failure },
  { kind: "retry" },
  { kind: "role_changed", role: "follower" },
  { kind: "source_changed", trouble: "gone" },
  { kind: "session_lost", reason: "lost" },
  { kind: "stop" },
  { kind: "stopped" },
  { kind: "broke", reason: "defect" },
];

/** Rows: phase; columns: event, in the order above; "-" = the very same object. */
const table: Readonly<Record<PipePhase["kind"], readonly string[]>> = {
  stopped: ["connecting", "-", "-", "-", "-", "-", "-", "-", "-", "failed"],
  connecting: ["-", "connected", "backing_off", "-", "-", "connecting", "-", "draining", "stopped", "failed"],
  backing_off: ["-", "-", "-", "connecting", "-", "backing_off", "-", "draining", "stopped", "failed"],
  connected: ["-", "-", "-", "-", "connected", "connected", "connecting", "draining", "stopped", "failed"],
  draining: ["-", "-", "-", "-", "draining", "-", "draining", "-", "stopped", "failed"],
  failed: ["connecting", "-", "-", "-", "-", "-", "-", "-", "-", "failed"],
};

describe("the next phase of a pipe", () => {
  for (const phase of phases) {
    for (const [i, event] of events.entries()) {
      const expected = table[phase.kind][i] as string;
      it(`after ${event.kind} in ${phase.kind} is ${expected === "-" ? "the same" : expected}`, () => {
        const next = nextPipePhase(phase, event);
        if (expected === "-") expect(next).toBe(phase);
        else expect(next.kind).toBe(expected);
      });
    }
  }

  it("keeps what is known of the source from one session to the next", () => {
    const away = nextPipePhase(phases[3] as PipePhase, { kind: "source_changed", trouble: "gone" });
    const again = nextPipePhase(away, { kind: "session_lost", reason: "lost" });
    const back = nextPipePhase(again, { kind: "session_created", sessionId: "t", role: "follower" });
    expect(back).toEqual({ kind: "connected", sessionId: "t", role: "follower", source: "gone" });
  });

  it("that begins knows nothing, not even of the source", () => {
    const start = { kind: "connecting", reason: undefined, source: undefined };
    expect(nextPipePhase({ kind: "failed", reason: "x" }, { kind: "start" })).toStrictEqual(start);
  });

  it("takes over what the event says", () => {
    const connecting = { kind: "connecting", reason: "lost", source: "gone" } as const;
    const failed = nextPipePhase(connecting, { kind: "connect_failed", ...failure });
    expect(failed).toEqual({ kind: "backing_off", ...failure, source: "gone" });
    expect(nextPipePhase(failed, { kind: "retry" })).toEqual({ kind: "connecting", reason: "no", source: "gone" });
    expect(nextPipePhase(connecting, { kind: "stop" })).toEqual({
      kind: "draining",
      sessionId: undefined,
      role: undefined,
    });
    expect(nextPipePhase(phases[3] as PipePhase, { kind: "stop" })).toEqual(phases[4]);
    expect(nextPipePhase(phases[4] as PipePhase, { kind: "role_changed", role: "follower" })).toEqual({
      kind: "draining",
      sessionId: "s",
      role: "follower",
    });
    expect(nextPipePhase(phases[4] as PipePhase, { kind: "session_lost", reason: "x" })).toEqual({
      kind: "draining",
      sessionId: undefined,
      role: undefined,
    });
    expect(nextPipePhase(phases[3] as PipePhase, { kind: "broke", reason: "x" })).toEqual({
      kind: "failed",
      reason: "x",
    });
  });

  it("has the role of the event", () => {
    expect(nextPipePhase(phases[3] as PipePhase, { kind: "role_changed", role: "follower" })).toMatchObject({
      kind: "connected",
      role: "follower",
    });
  });

  it("forgets a trouble of the source that is over, and knows one that it knows", () => {
    const gone: PipePhase = { kind: "connected", sessionId: "s", role: "leader", source: "gone" };
    expect(nextPipePhase(gone, { kind: "source_changed", trouble: undefined })).toEqual(phases[3]);
    expect(nextPipePhase(gone, { kind: "source_changed", trouble: "gone" })).toBe(gone);
  });

  it("does not change with a role that is known already while it drains", () => {
    expect(nextPipePhase(phases[4] as PipePhase, { kind: "role_changed", role: "leader" })).toBe(phases[4]);
  });

  it("does not change with a role or a trouble that is known already", () => {
    const phase = phases[3] as PipePhase;
    expect(nextPipePhase(phase, { kind: "role_changed", role: "leader" })).toBe(phase);
    expect(nextPipePhase(phase, { kind: "source_changed", trouble: undefined })).toBe(phase);
  });
});

describe("a phase", () => {
  const backingOff = phases[2] as Extract<PipePhase, { kind: "backing_off" }>;

  it.each([
    [phases[0], "stopped"],
    [phases[1], "connecting"],
    [{ kind: "connecting", reason: "lost", source: undefined } as const, "reconnecting"],
    [backingOff, "reconnecting"],
    [{ ...backingOff, code: "FUSTOR_SENDER_KEY_REFUSED" } as const, "key_refused"],
    [{ ...backingOff, code: "FUSTOR_SESSION_CONFLICT" } as const, "standby"],
    [phases[3], "running"],
    [{ kind: "connected", sessionId: "s", role: "leader", source: "gone" } as const, "waiting_for_source"],
    [phases[4], "draining"],
    [phases[5], "failed"],
  ] as [PipePhase, string][])("%j shows as %s", (phase, state) => {
    expect(describePhase(phase).state).toBe(state);
  });

  it.each([
    [phases[0], "not running"],
    [phases[1], "asking for a session"],
    [{ kind: "connecting", reason: "lost", source: undefined } as const, "asking for a session again: lost"],
    [{ ...backingOff, delayMs: 9_999 }, "attempt 1 failed, next one in 10.0 s: no"],
    [{ ...backingOff, delayMs: 10_000 }, "attempt 1 failed, next one in 10 s: no"],
    [phases[3], "leading"],
    [
      { kind: "connected", sessionId: "s", role: "follower", source: undefined } as const,
      "following, another agent leads",
    ],
    [{ kind: "connected", sessionId: "s", role: "leader", source: "gone" } as const, "gone"],
    [phases[4], "stopping: sending what is queued"],
    [phases[5], "broken"],
  ] as [PipePhase, string][])("%j says %s", (phase, info) => {
    expect(describePhase(phase).info).toBe(info);
  });

  it("between two attempts says which one failed, why, and when the next one is", () => {
    expect(describePhase({ ...backingOff, failures: 3, delayMs: 12_400, reason: "connection refused" }).info).toBe(
      "attempt 3 failed, next one in 12 s: connection refused",
    );
  });
});

describe("what keeps a source from delivering", () => {
  const away = { state: "unavailable", reason: "not mounted" } as const;
  const failed = { state: "failed", reason: "closed", failures: 1 } as const;
  it.each([
    [away, failed, "not mounted"],
    [{ state: "available" }, failed, "the live stream of the source ended: closed"],
    [{ state: "starting" }, failed, "the live stream of the source ended: closed"],
    [{ state: "starting" }, { state: "idle" }, "the source is starting"],
    [{ state: "available" }, { state: "live" }, undefined],
  ] as const)("is, of %j and %j, %s", (availability, feed, trouble) => {
    expect(sourceTrouble(availability, feed)).toBe(trouble);
  });
});
