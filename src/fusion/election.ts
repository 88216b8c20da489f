/**
 * Who leads a view and how far its snapshot is. First come, first served: whoever knocks while the seat is vacant gets it and
 * keeps it until its session ends. The view can be read only when the one on the seat has ended a snapshot itself.
 */

/**
 * - `awaited`: this leader has sent no snapshot yet.
 * - `demanded`: the view was emptied under this leader; it has to send one (again).
 * - `stale`: as before, but a snapshot was under way when the view was emptied, and its end must not count.
 * - `refreshing`: one has ended, another is under way; the view stays readable.
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

/** The leader has to be asked for a snapshot. One that only just took the seat will send it by itself and gets `graceMs`. */
export function wantsSnapshot(seat: Seat, nowMs: number, graceMs: number): boolean {
  if (seat.state === "vacant") return false;
  if (seat.snapshot === "demanded" || seat.snapshot === "stale") return true;
  return seat.snapshot === "awaited" && nowMs - seat.sinceMs >= graceMs;
}
