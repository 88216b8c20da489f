/**
 * What a session does next when something happens in it. Pure.
 *
 *     following <--role--> leading: snapshot owed --position known--> leading: snapshot begun
 *         |                    |                                          |
 *         +-------stop---------+-------------------stop-------------------+--> draining
 *
 * A leader owes one snapshot as soon as it leads. Before it begins, the receiver is asked whether it holds the history
 * already. While draining nothing begins, whatever happens.
 */
import type { Command, Role } from "../../sdk/index.ts";
import type { SnapshotCommand } from "../pipe-status.ts";
import type { SessionEvent } from "./session-events.ts";

export type SessionState =
  /** `wasFollower`: in this session. */
  | { readonly kind: "leading"; readonly snapshot: "owed" | "begun"; readonly wasFollower: boolean }
  | { readonly kind: "following" }
  /** Sends what is queued. */
  | { readonly kind: "draining"; readonly role: Role };

export type JobName = "snapshot" | "audit" | "rescan" | "restatement" | "scans";

export type SessionAction =
  | { readonly kind: "cancel"; readonly job: JobName }
  /** After a take-over: `wasPromoted`: it followed before. */
  | { readonly kind: "begin snapshot of a leader"; readonly wasPromoted: boolean }
  /** The receiver holds the history: only the end is owed. */
  | { readonly kind: "begin end of snapshot" }
  /** Of everything, again. */
  | { readonly kind: "repeat snapshot" }
  /** If it is not too soon for one. */
  | { readonly kind: "grant snapshot"; readonly askedAt: number }
  | { readonly kind: "pause snapshot" }
  | { readonly kind: "resume snapshot" }
  /** Without an end. */
  | { readonly kind: "dismiss snapshot" }
  | { readonly kind: "begin audits" }
  /** If a snapshot ended before the one that was dismissed. */
  | { readonly kind: "return to audits" }
  /** What changed around the end of the run before. */
  | { readonly kind: "restate" }
  | { readonly kind: "rescan"; readonly directories: readonly string[]; readonly isAskedFor?: true }
  /** Audits and rescans get no end. */
  | { readonly kind: "spoil" }
  | { readonly kind: "carry out"; readonly commands: readonly Command[] }
  /** The receiver's picture is not complete. */
  | { readonly kind: "lose history" }
  | { readonly kind: "note take-over as not done" }
  /** A batch that waits to be sent again goes now, or is found to be cancelled. */
  | { readonly kind: "wake delivery" }
  /** From now on a failure is not repeated. */
  | { readonly kind: "fail fast" };

export interface Step {
  readonly state: SessionState;
  readonly actions: readonly SessionAction[];
}

export const roleOf = (state: SessionState): Role =>
  state.kind === "draining" ? state.role : state.kind === "leading" ? "leader" : "follower";

export const firstState = (role: Role): SessionState =>
  role === "leader" ? { kind: "leading", snapshot: "owed", wasFollower: false } : { kind: "following" };

const cancel = (...jobs: readonly JobName[]): SessionAction[] => jobs.map((job) => ({ kind: "cancel", job }));

/** What follows from an event. */
export function nextStep(state: SessionState, event: SessionEvent): Step {
  switch (event.kind) {
    case "heartbeat answered": {
      const { answer, sentAt, recovered } = event;
      const changed = changeRole(state, answer.role);
      const actions: SessionAction[] = recovered ? [{ kind: "wake delivery" }] : [];
      if (answer.commands.length > 0) actions.push({ kind: "carry out", commands: answer.commands });
      actions.push(...changed.actions);
      if (answer.snapshotNeeded) actions.push(...grant(changed.state, sentAt));
      return { state: changed.state, actions };
    }
    case "batch accepted":
      return { state, actions: event.answer.snapshotNeeded ? grant(state, event.sentAt) : [] };
    case "snapshot wanted":
      return { state, actions: grant(state, event.askedAt) };
    case "snapshot granted":
      return { state, actions: isSending(state) ? [...again(), { kind: "lose history" }] : [] };
    case "changes lost":
      return { state, actions: [{ kind: "lose history" }, ...(isSending(state) ? again() : [])] };
    case "snapshot command":
      return { state, actions: isSending(state) ? COMMANDED[event.command] : [] };
    case "position known":
      return beginSnapshot(state, event.holdsHistory);
    case "stream started":
      return { state, actions: state.kind === "following" ? [{ kind: "restate" }] : [] };
    case "snapshot ended":
      return { state, actions: state.kind === "leading" ? [{ kind: "begin audits" }] : [] };
    case "directories lost":
      return { state, actions: [{ kind: "rescan", directories: event.directories }] };
    case "directories asked for":
      return state.kind === "draining"
        ? { state, actions: [] }
        : { state, actions: [{ kind: "rescan", directories: event.directories, isAskedFor: true }] };
    case "row refused": {
      // An audit leaves a row out when a live row of that path goes out, and a rescan sends live rows: after an end
      // Fusion would delete the path of the refused one.
      const { phase } = event.row;
      return { state, actions: phase === "audit" || phase === "message" ? [{ kind: "spoil" }] : [] };
    }
    case "stop":
      return drain(state);
    case "snapshot complete":
    case "restated":
    case "took over":
    case "changes delivered":
    case "call failed":
      return { state, actions: [] };
  }
}

/** A leader whose snapshot has begun. */
export const isSending = (state: SessionState): boolean => state.kind === "leading" && state.snapshot === "begun";

const grant = (state: SessionState, askedAt: number): SessionAction[] =>
  isSending(state) ? [{ kind: "grant snapshot", askedAt }] : [];

/** The end of an audit or a rescan would not fit the new snapshot. */
const again = (): SessionAction[] => [...cancel("audit", "rescan"), { kind: "repeat snapshot" }];

/** A rescan that began during the pause would otherwise stand still until the snapshot ends. */
const COMMANDED: Readonly<Record<SnapshotCommand, readonly SessionAction[]>> = {
  pause: [{ kind: "pause snapshot" }],
  resume: [...cancel("rescan"), { kind: "resume snapshot" }],
  cancel: [{ kind: "dismiss snapshot" }, { kind: "wake delivery" }, { kind: "return to audits" }],
};

function changeRole(state: SessionState, role: Role): Step {
  if (role === roleOf(state)) return { state, actions: [] };
  const noted: SessionAction = { kind: "note take-over as not done" };
  if (state.kind === "draining") return { state: { kind: "draining", role }, actions: [noted] };
  if (role === "leader") {
    const leading = { kind: "leading", snapshot: "owed", wasFollower: true } as const;
    return { state: leading, actions: [noted, ...cancel("rescan", "restatement")] };
  }
  const jobs = cancel("rescan", "restatement", "snapshot", "audit");
  return { state: { kind: "following" }, actions: [noted, ...jobs, { kind: "wake delivery" }] };
}

/** A leader ends one snapshot: of everything, or of nothing when the receiver holds the history. */
function beginSnapshot(state: SessionState, holdsHistory: boolean): Step {
  if (state.kind !== "leading" || state.snapshot !== "owed") return { state, actions: [] };
  const { wasFollower } = state;
  const begin: SessionAction[] = holdsHistory
    ? [{ kind: "begin end of snapshot" }]
    : [{ kind: "lose history" }, { kind: "begin snapshot of a leader", wasPromoted: wasFollower }];
  return {
    state: { kind: "leading", snapshot: "begun", wasFollower },
    actions: [...cancel("audit", "rescan"), ...begin],
  };
}

function drain(state: SessionState): Step {
  if (state.kind === "draining") return { state, actions: [] };
  const jobs = cancel("snapshot", "audit", "rescan", "scans", "restatement");
  return { state: { kind: "draining", role: roleOf(state) }, actions: [...jobs, { kind: "fail fast" }] };
}
