import { describe, expect, it } from "vitest";
import type { SnapshotCommand } from "../../../../src/pipe/pipe-status.ts";
import type { SessionEvent } from "../../../../src/pipe/session/session-events.ts";
import { firstState, nextStep, roleOf, type SessionState } from "../../../../src/pipe/session/session-state.ts";
import type { Role } from "../../../../src/sdk/index.ts";

const owed: SessionState = { kind: "leading", snapshot: "owed", wasFollower: false };
const begun: SessionState = { kind: "leading", snapshot: "begun", wasFollower: false };
const following: SessionState = { kind: "following" };
const draining: SessionState = { kind: "draining", role: "leader" };
const ALL = [owed, begun, following, draining];

const beat = (role: Role, more: Partial<Extract<SessionEvent, { kind: "heartbeat answered" }>> = {}): SessionEvent => ({
  kind: "heartbeat answered",
  answer: { role, commands: [], snapshotNeeded: false },
  sentAt: 7,
  recovered: false,
  ...more,
});
const needy = (role: Role): SessionEvent => beat(role, { answer: { role, commands: [], snapshotNeeded: true } });

/** Actions in short: `cancel audit`, or their kind. */
const actions = (state: SessionState, event: SessionEvent): string[] =>
  nextStep(state, event).actions.map((action) => (action.kind === "cancel" ? `cancel ${action.job}` : action.kind));
const stateAfter = (state: SessionState, event: SessionEvent): SessionState => nextStep(state, event).state;

describe("a session", () => {
  it("that begins as a leader owes a snapshot, as a follower nothing", () => {
    expect([firstState("leader"), firstState("follower")]).toEqual([owed, following]);
    expect(ALL.map(roleOf)).toEqual(["leader", "leader", "follower", "leader"]);
  });

  it("begins the snapshot that it owes when the receiver's position is known, and once", () => {
    const known: SessionEvent = { kind: "position known", holdsHistory: false };
    expect(stateAfter(owed, known)).toEqual(begun);
    expect(actions(owed, known)).toEqual([
      "cancel audit",
      "cancel rescan",
      "lose history",
      "begin snapshot of a leader",
    ]);
    for (const state of [begun, following, draining]) expect(nextStep(state, known)).toEqual({ state, actions: [] });
  });

  it("sends the end alone to a receiver that holds the history", () => {
    const known: SessionEvent = { kind: "position known", holdsHistory: true };
    expect(actions(owed, known)).toEqual(["cancel audit", "cancel rescan", "begin end of snapshot"]);
  });

  it("that is promoted owes a snapshot and remembers that it followed", () => {
    const promoted = stateAfter(following, beat("leader"));
    expect(promoted).toEqual({ ...owed, wasFollower: true });
    expect(actions(following, beat("leader"))).toEqual([
      "note take-over as not done",
      "cancel rescan",
      "cancel restatement",
    ]);
    const begins = nextStep(promoted, { kind: "position known", holdsHistory: false }).actions.at(-1);
    expect(begins).toEqual({ kind: "begin snapshot of a leader", wasPromoted: true });
  });

  it("that stops to lead sends nothing in bulk any more", () => {
    for (const state of [owed, begun]) {
      expect(stateAfter(state, beat("follower"))).toEqual(following);
      expect(actions(state, beat("follower"))).toEqual([
        "note take-over as not done",
        ...["rescan", "restatement", "snapshot", "audit"].map((job) => `cancel ${job}`),
        "wake delivery",
      ]);
    }
  });

  it("whose role stays does nothing", () => {
    for (const state of ALL) expect(nextStep(state, beat(roleOf(state)))).toEqual({ state, actions: [] });
  });

  it("grants a snapshot only to a leader that has begun its own, of whichever answer asks for it", () => {
    const accepted = { kind: "batch accepted", answer: { snapshotNeeded: true }, sentAt: 7 } as SessionEvent;
    for (const event of [needy("leader"), accepted, { kind: "snapshot wanted", askedAt: 7 } as const])
      expect(nextStep(begun, event).actions).toEqual([{ kind: "grant snapshot", askedAt: 7 }]);
    for (const state of [owed, following, draining]) expect(actions(state, accepted)).toEqual([]);
    const content = { kind: "batch accepted", answer: { snapshotNeeded: false }, sentAt: 7 } as SessionEvent;
    expect(actions(begun, content)).toEqual([]);
    expect(actions(following, needy("leader")), "it owes one").not.toContain("grant snapshot");
  });

  it("repeats its snapshot, without audit and rescan, when one was granted or changes are lost", () => {
    const again = ["cancel audit", "cancel rescan", "repeat snapshot"];
    const lost: SessionEvent = { kind: "changes lost", reason: "x" };
    expect(actions(begun, { kind: "snapshot granted" })).toEqual([...again, "lose history"]);
    expect(actions(begun, lost)).toEqual(["lose history", ...again]);
    for (const state of [owed, following, draining]) {
      expect(actions(state, { kind: "snapshot granted" })).toEqual([]);
      expect(actions(state, lost)).toEqual(["lose history"]);
    }
  });

  it("audits after the end of a leader's snapshot, and restates as a follower when the stream starts", () => {
    expect(ALL.map((state) => actions(state, { kind: "snapshot ended" }).length)).toEqual([1, 1, 0, 0]);
    expect(ALL.map((state) => actions(state, { kind: "stream started" }))).toEqual([[], [], ["restate"], []]);
  });

  it("keeps audits and rescans from ending after a row of theirs or a live one was refused", () => {
    const refused = (phase: "message" | "audit" | "snapshot" | "on_demand_job"): SessionEvent => ({
      kind: "row refused",
      row: { key: "/a", phase, reason: "x" },
    });
    expect(actions(begun, refused("message"))).toEqual(["spoil"]);
    expect(actions(begun, refused("audit"))).toEqual(["spoil"]);
    expect([...actions(begun, refused("snapshot")), ...actions(begun, refused("on_demand_job"))]).toEqual([]);
  });

  it("that drains cancels all work in bulk once, and begins nothing whatever its role becomes", () => {
    for (const state of [owed, begun, following]) {
      expect(stateAfter(state, { kind: "stop" })).toEqual({ kind: "draining", role: roleOf(state) });
      expect(actions(state, { kind: "stop" })).toEqual([
        ...["snapshot", "audit", "rescan", "scans", "restatement"].map((job) => `cancel ${job}`),
        "fail fast",
      ]);
    }
    expect(actions(draining, { kind: "stop" })).toEqual([]);
    const follower = nextStep(draining, beat("follower"));
    expect(follower.actions).toEqual([{ kind: "note take-over as not done" }]);
    const promoted = nextStep(follower.state, needy("leader"));
    expect(promoted).toEqual({ state: draining, actions: [{ kind: "note take-over as not done" }] });
  });

  it("wakes a batch that waits when the heartbeat recovers, and carries out commands before it changes its role", () => {
    const answer = { role: "follower", commands: [{ type: "scan" }], snapshotNeeded: false } as const;
    expect(actions(begun, beat("follower", { answer, recovered: true })).slice(0, 3)).toEqual([
      "wake delivery",
      "carry out",
      "note take-over as not done",
    ]);
  });
});

describe("the snapshot of a leader", () => {
  const said = (command: SnapshotCommand): SessionEvent => ({ kind: "snapshot command", command });

  it("is paused, goes on without a rescan that began meanwhile, and is cancelled without an end", () => {
    expect(actions(begun, said("pause"))).toEqual(["pause snapshot"]);
    expect(actions(begun, said("resume"))).toEqual(["cancel rescan", "resume snapshot"]);
    expect(actions(begun, said("cancel"))).toEqual(["dismiss snapshot", "wake delivery", "return to audits"]);
  });

  it("is nobody else's affair", () => {
    for (const state of [owed, following, draining]) {
      for (const command of ["pause", "resume", "cancel"] as const)
        expect(nextStep(state, said(command))).toEqual({ state, actions: [] });
    }
  });
});
