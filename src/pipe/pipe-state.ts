/**
 * The states of a pipe and how they follow each other. Pure: everything that happens to a pipe is an event here first.
 *
 *     stopped --start--> connecting --session_created--> connected --session_lost--> connecting
 *                          |    ^                           |
 *               connect_failed  retry                     stop
 *                          v    |                           v
 *                        backing_off                     draining --stopped--> stopped
 */
import type { FeedState } from "../sdk/event-bus.ts";
import type { FustorErrorCode, Role, SourceAvailability } from "../sdk/index.ts";
import type { PipeState } from "./pipe-status.ts";

/** Why nothing can be read at the moment; undefined = nothing to wait for. */
export type SourceTrouble = string | undefined;

export type PipePhase =
  | { readonly kind: "stopped" }
  | { readonly kind: "connecting"; readonly reason: string | undefined; readonly source: SourceTrouble }
  | {
      readonly kind: "backing_off";
      readonly code: FustorErrorCode | undefined;
      readonly reason: string;
      /** Failures in a row. */
      readonly failures: number;
      readonly delayMs: number;
      readonly source: SourceTrouble;
    }
  | { readonly kind: "connected"; readonly sessionId: string; readonly role: Role; readonly source: SourceTrouble }
  | { readonly kind: "draining"; readonly sessionId: string | undefined; readonly role: Role | undefined }
  | { readonly kind: "failed"; readonly reason: string };

export type PipeEvent =
  | { readonly kind: "start" }
  | { readonly kind: "session_created"; readonly sessionId: string; readonly role: Role }
  | {
      readonly kind: "connect_failed";
      readonly code: FustorErrorCode | undefined;
      readonly reason: string;
      readonly failures: number;
      readonly delayMs: number;
    }
  | { readonly kind: "retry" }
  | { readonly kind: "role_changed"; readonly role: Role }
  | { readonly kind: "source_changed"; readonly trouble: SourceTrouble }
  | { readonly kind: "session_lost"; readonly reason: string }
  | { readonly kind: "stop" }
  | { readonly kind: "stopped" }
  | { readonly kind: "broke"; readonly reason: string };

const sourceOf = (phase: PipePhase): SourceTrouble => ("source" in phase ? phase.source : undefined);

/** What follows; the same object when the event changes nothing, for instance because it comes too late. */
export function nextPipePhase(phase: PipePhase, event: PipeEvent): PipePhase {
  switch (event.kind) {
    case "start":
      return phase.kind === "stopped" || phase.kind === "failed"
        ? { kind: "connecting", reason: undefined, source: undefined }
        : phase;
    case "session_created":
      return phase.kind === "connecting"
        ? { kind: "connected", sessionId: event.sessionId, role: event.role, source: phase.source }
        : phase;
    case "connect_failed": {
      if (phase.kind !== "connecting") return phase;
      const { code, reason, failures, delayMs } = event;
      return { kind: "backing_off", code, reason, failures, delayMs, source: phase.source };
    }
    case "retry":
      return phase.kind === "backing_off" ? { kind: "connecting", reason: phase.reason, source: phase.source } : phase;
    case "role_changed":
      if (phase.kind === "connected" && phase.role !== event.role) return { ...phase, role: event.role };
      if (phase.kind === "draining" && phase.role !== event.role) return { ...phase, role: event.role };
      return phase;
    case "source_changed":
      if (!("source" in phase) || sourceOf(phase) === event.trouble) return phase;
      return { ...phase, source: event.trouble };
    case "session_lost":
      if (phase.kind === "connected") return { kind: "connecting", reason: event.reason, source: phase.source };
      return phase.kind === "draining" ? { kind: "draining", sessionId: undefined, role: undefined } : phase;
    case "stop":
      if (phase.kind === "connected") return { kind: "draining", sessionId: phase.sessionId, role: phase.role };
      return phase.kind === "connecting" || phase.kind === "backing_off"
        ? { kind: "draining", sessionId: undefined, role: undefined }
        : phase;
    case "stopped":
      return phase.kind === "failed" || phase.kind === "stopped" ? phase : { kind: "stopped" };
    case "broke":
      return { kind: "failed", reason: event.reason };
  }
}

function backingOffState(code: FustorErrorCode | undefined): PipeState {
  if (code === "FUSTOR_SENDER_KEY_REFUSED") return "key_refused";
  return code === "FUSTOR_SESSION_CONFLICT" ? "standby" : "reconnecting";
}

export interface DescribedPhase {
  readonly state: PipeState;
  /** One sentence for people. */
  readonly info: string;
}

const secondsText = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;

/** How a phase is shown. */
export function describePhase(phase: PipePhase): DescribedPhase {
  switch (phase.kind) {
    case "stopped":
      return { state: "stopped", info: "not running" };
    case "connecting":
      return phase.reason === undefined
        ? { state: "connecting", info: "asking for a session" }
        : { state: "reconnecting", info: `asking for a session again: ${phase.reason}` };
    case "backing_off":
      return {
        state: backingOffState(phase.code),
        info: `attempt ${phase.failures} failed, next one in ${secondsText(phase.delayMs)}: ${phase.reason}`,
      };
    case "connected":
      return phase.source === undefined
        ? { state: "running", info: phase.role === "leader" ? "leading" : "following, another agent leads" }
        : { state: "waiting_for_source", info: phase.source };
    case "draining":
      return { state: "draining", info: "stopping: sending what is queued" };
    case "failed":
      return { state: "failed", info: phase.reason };
  }
}

/** What keeps the source from delivering, as far as it says so itself. */
export function sourceTrouble(availability: SourceAvailability, feed: FeedState): SourceTrouble {
  if (availability.state === "unavailable") return availability.reason;
  if (feed.state === "failed") return `the live stream of the source ended: ${feed.reason}`;
  return availability.state === "starting" ? "the source is starting" : undefined;
}
