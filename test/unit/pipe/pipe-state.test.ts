import { describe, expect, it } from "vitest";
import { describePhase, nextPipePhase, type PipeEvent, type PipePhase } from "../../../src/pipe/pipe-state.ts";

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

  it("between two attempts says which one failed, why, and when the next one is", () => {
    expect(describePhase({ ...backingOff, failures: 3, delayMs: 12_400, reason: "connection refused" }).info).toBe(
      "attempt 3 failed, next one in 12 s: connection refused",
    );
  });
});
