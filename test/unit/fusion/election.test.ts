import { describe, expect, it } from "vitest";
import {
  isComplete,
  leads,
  nextSeat,
  type Seat,
  type SeatEvent,
  VACANT,
  wantsSnapshot,
} from "../../../src/fusion/election.ts";

const knock = (sessionId: string, nowMs = 0): SeatEvent => ({ type: "knock", sessionId, nowMs });
const batch = (sessionId: string, isEnd = false): SeatEvent => ({ type: "snapshot-batch", sessionId, isEnd });
const seatAfter = (...events: readonly SeatEvent[]): Seat => events.reduce<Seat>(nextSeat, VACANT);
const asks = (seat: Seat, nowMs = 0): boolean => wantsSnapshot(seat, nowMs, 15_000);

describe("a seat", () => {
  it("belongs to whoever knocks first until that one leaves", () => {
    expect(leads(seatAfter(knock("a"), knock("b")), "a")).toBe(true);
    expect(seatAfter(knock("a"), { type: "left", sessionId: "b" })).toEqual(seatAfter(knock("a")));
    expect(leads(seatAfter(knock("a"), { type: "left", sessionId: "a" }, knock("b")), "b")).toBe(true);
  });

  it("is complete only after a snapshot that its holder has ended", () => {
    expect(isComplete(seatAfter(knock("a"), batch("a")))).toBe(false);
    expect(isComplete(seatAfter(knock("a"), batch("b", true)))).toBe(false);
    expect(isComplete(seatAfter(knock("a"), batch("a", true)))).toBe(true);
  });

  it("stays complete while the holder sends another snapshot", () => {
    expect(isComplete(seatAfter(knock("a"), batch("a", true), batch("a")))).toBe(true);
  });

  it("does not pass completeness on to the next holder", () => {
    expect(isComplete(seatAfter(knock("a"), batch("a", true), { type: "left", sessionId: "a" }, knock("b")))).toBe(
      false,
    );
  });

  it("asks a leader that sends nothing only when the grace period is over", () => {
    expect(asks(seatAfter(knock("a", 1000)), 15_999)).toBe(false);
    expect(asks(seatAfter(knock("a", 1000)), 16_000)).toBe(true);
    expect(asks(seatAfter(knock("a", 1000), batch("a")), 99_000)).toBe(false);
    expect(asks(seatAfter(knock("a", 1000), batch("a", true)), 99_000)).toBe(false);
  });

  it("asks at once when the view was emptied, until the snapshot begins", () => {
    const emptied = seatAfter(knock("a"), batch("a", true), { type: "view-emptied" });
    expect(isComplete(emptied)).toBe(false);
    expect(asks(emptied)).toBe(true);
    expect(asks(nextSeat(emptied, batch("a")))).toBe(false);
  });

  it.each([
    ["first", seatAfter(knock("a"), batch("a"), { type: "view-emptied" })],
    ["later", seatAfter(knock("a"), batch("a", true), batch("a"), { type: "view-emptied" })],
  ])("does not count the end of a %s snapshot in whose middle the view was emptied", (_, emptied) => {
    expect(asks(nextSeat(emptied, batch("a")))).toBe(true);
    const ended = nextSeat(emptied, batch("a", true));
    expect(isComplete(ended)).toBe(false);
    expect(asks(ended)).toBe(true);
    expect(isComplete(nextSeat(ended, batch("a", true)))).toBe(true);
  });

  const emptied: SeatEvent = { type: "view-emptied" };
  it.each<[string, readonly SeatEvent[], string]>([
    ["a batch", [batch("a")], "running"],
    ["an end", [batch("a", true)], "ended"],
    ["a batch after an end", [batch("a", true), batch("a")], "refreshing"],
    ["another batch after an end", [batch("a", true), batch("a"), batch("a")], "refreshing"],
    ["a second end", [batch("a", true), batch("a"), batch("a", true)], "ended"],
    ["an end right after an end", [batch("a", true), batch("a", true)], "ended"],
    ["an emptied view", [emptied], "demanded"],
    ["a batch after an emptied view", [emptied, batch("a")], "running"],
    ["an end after an emptied view", [emptied, batch("a", true)], "ended"],
    ["a view emptied in the middle", [batch("a"), emptied], "stale"],
    ["a view emptied twice in the middle", [batch("a"), emptied, emptied], "stale"],
    ["a batch that goes on after that", [batch("a"), emptied, batch("a")], "stale"],
    ["the end after that", [batch("a"), emptied, batch("a", true)], "demanded"],
  ])("knows what to make of %s", (_, events, snapshot) => {
    expect(seatAfter(knock("a", 7), ...events)).toEqual({ state: "held", sessionId: "a", sinceMs: 7, snapshot });
  });

  it("that nobody holds stays as it is, and nobody is asked", () => {
    for (const event of [emptied, batch("a"), batch("a", true), { type: "left", sessionId: "a" } as const])
      expect(nextSeat(VACANT, event)).toBe(VACANT);
    expect([asks(VACANT, 99_000), isComplete(VACANT)]).toEqual([false, false]);
  });
});
