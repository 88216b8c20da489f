import { describe, expect, it } from "vitest";
import { Completeness } from "../../../../src/pipe/receiver/completeness.ts";

/** A stream that began where Fusion's picture was known to be complete. */
function known(): Completeness {
  const history = new Completeness();
  history.started(false);
  return history;
}

describe("what is known of Fusion's picture", () => {
  it("is nothing at first, and nothing when the stream's position was lost", () => {
    const history = new Completeness();
    expect([history.isComplete, history.committedIndex]).toEqual([false, -1]);
    history.started(true);
    expect(history.isComplete).toBe(false);
  });

  it("is everything when the stream could start where it had ended", () => {
    expect(known().isComplete).toBe(true);
  });

  it("is decided by the first start of the stream alone", () => {
    const lost = new Completeness();
    lost.started(true);
    lost.started(false);
    expect(lost.isComplete).toBe(false);
    const complete = known();
    complete.started(true);
    expect(complete.isComplete).toBe(true);
  });

  it("is everything after a full snapshot, until changes are lost", () => {
    const history = new Completeness();
    history.started(true);
    history.complete();
    expect(history.isComplete).toBe(true);
    history.lose();
    expect(history.isComplete).toBe(false);
  });

  it("is the highest index that was taken", () => {
    const history = known();
    history.committed(7);
    history.committed(5);
    expect(history.committedIndex).toBe(7);
  });
});

describe("a Fusion", () => {
  it("holds it when it tells at least the index that was taken last", () => {
    const history = known();
    history.committed(7);
    expect([6, 7, 8, undefined].map((index) => history.isHeldAt(index))).toEqual([false, true, true, false]);
  });

  it("holds nothing that we do not know to be complete", () => {
    const history = new Completeness();
    history.started(true);
    expect(history.isHeldAt(8)).toBe(false);
  });
});
