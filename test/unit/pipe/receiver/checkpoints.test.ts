import { describe, expect, it } from "vitest";
import { Completeness } from "../../../../src/pipe/receiver/completeness.ts";
import type { Checkpoint } from "../../../../src/sdk/state-store.ts";

const P7: Checkpoint = { position: "p7", index: 7 };

function historyOf(recalled?: Checkpoint) {
  const kept: (Checkpoint | undefined)[] = [];
  const history = new Completeness((checkpoint) => kept.push(checkpoint));
  history.recall(recalled);
  return { history, kept };
}

describe("where a later run may go on", () => {
  it("is asked for before the stream was opened, and not after it", () => {
    const { history } = historyOf(P7);
    expect(history.startPosition).toBe("p7");
    history.started(false);
    expect(history.startPosition).toBeUndefined();
    expect(historyOf().history.startPosition).toBeUndefined();
  });

  it("is what the earlier run kept when the stream goes on there: its index counts as committed", () => {
    const { history, kept } = historyOf(P7);
    history.started(false, { position: "p1", index: 1 });
    expect([history.committedIndex, history.isHeldAt(6), history.isHeldAt(7)]).toEqual([7, false, true]);
    history.complete();
    expect(kept).toEqual([P7]);
  });

  it("is where the stream begins when it lost its position, once a snapshot was ended", () => {
    const { history, kept } = historyOf(P7);
    history.started(true, { position: "p9", index: 9 });
    expect([history.committedIndex, kept]).toEqual([-1, []]);
    history.complete();
    expect(kept).toEqual([{ position: "p9", index: 9 }]);
  });

  it("is nowhere when the stream does not say where it begins", () => {
    const { history, kept } = historyOf(P7);
    history.started(true);
    history.complete();
    expect(kept).toEqual([]);
  });

  it("moves with what is committed while nothing is missing", () => {
    const { history, kept } = historyOf();
    history.started(false);
    history.committed(5);
    expect(kept).toEqual([]);
    history.committed(6, "p6");
    history.committed(3, "p8");
    expect(kept).toEqual([
      { position: "p6", index: 6 },
      { position: "p8", index: 6 },
    ]);
  });

  it("is kept after the snapshot when something was missing, and forgotten at once when something is lost", () => {
    const { history, kept } = historyOf();
    history.started(true);
    history.committed(6, "p6");
    expect(kept).toEqual([]);
    history.complete();
    history.lose();
    expect(kept).toEqual([{ position: "p6", index: 6 }, undefined]);
  });
});
