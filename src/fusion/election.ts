/**
 * Which session leads a view, and how far its snapshot is. The first session that asks while there is no leader becomes
 * leader, and stays it until the session ends. Readers can read the view only when this leader has ended a snapshot
 * itself.
 */

/**
 * - `awaited`: the leader has sent no snapshot yet.
 * - `demanded`: the view was emptied while it led; it has to send a snapshot (again).
 * - `stale`: the same, but a snapshot was under way when the view was emptied, and its end must not count.
 * - `refreshing`: one snapshot has ended and another one is under way; the view stays readable.
 */
export type SnapshotPhase = "awaited" | "demanded" | "stale" | "running" | "ended" | "refreshing";

export type Seat =
  | { readonly state: "vacant" }
  | { readonly state: "held"; readonly sessionId: string; readonly sinceMs: number; readonly snapshot: SnapshotPhase };

export type SeatEvent =
  | { readonly type: "knock"; readonly sessionId: string; readonly nowMs: number }
  | { readonly type: "left"; readonly sessionId: string }
  | { readonly type: "snapshot-batch"; readonly sessionId: string; readonly isEnd: boolean }
  | { readonly type: "view-emptied" };

export const VACANT: Seat = { state: "vacant" };

export function nextSeat(seat: Seat, event: SeatEvent): Seat {
  switch (event.type) {
    case "knock":
      if (seat.state === "held") return seat;
      return { state: "held", sessionId: event.sessionId, sinceMs: event.nowMs, snapshot: "awaited" };
    case "left":
      return leads(seat, event.sessionId) ? VACANT : seat;
    case "snapshot-batch":
      if (seat.state === "vacant" || seat.sessionId !== event.sessionId) return seat;
      return { ...seat, snapshot: afterBatch(seat.snapshot, event.isEnd) };
    case "view-emptied":
      if (seat.state === "vacant") return seat;
      return { ...seat, snapshot: afterEmptying(seat.snapshot) };
  }
}

function afterBatch(phase: SnapshotPhase, isEnd: boolean): SnapshotPhase {
  switch (phase) {
    case "stale":
      return isEnd ? "demanded" : "stale";
    case "ended":
    case "refreshing":
      return isEnd ? "ended" : "refreshing";
    case "awaited":
    case "demanded":
    case "running":
      return isEnd ? "ended" : "running";
  }
}

function afterEmptying(phase: SnapshotPhase): SnapshotPhase {
  switch (phase) {
    case "running":
    case "refreshing":
    case "stale":
      return "stale";
    case "awaited":
    case "demanded":
    case "ended":
      return "demanded";
  }
}

/** The view may be read. */
export const isComplete = (seat: Seat): boolean =>
  seat.state === "held" && (seat.snapshot === "ended" || seat.snapshot === "refreshing");

export const leads = (seat: Seat, sessionId: string): boolean => seat.state === "held" && seat.sessionId === sessionId;

/**
 * Fusion has to ask the leader for a snapshot. A new leader sends one by itself, so Fusion waits `graceMs` before it
 * asks.
 */
export function wantsSnapshot(seat: Seat, nowMs: number, graceMs: number): boolean {
  if (seat.state === "held" && seat.snapshot === "awaited") return nowMs - seat.sinceMs >= graceMs;
  return seat.state === "held" && (seat.snapshot === "demanded" || seat.snapshot === "stale");
}
