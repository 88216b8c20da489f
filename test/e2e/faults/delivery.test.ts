import { expect, test } from "vitest";
import { withFaults } from "../../support/fault-stage.ts";
import { growTree } from "../../support/temp-tree.ts";

const grown = (files: number) => ({
  prepare: ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed: files, files }),
});

test("the end of a snapshot goes out once, after every row of it was taken, whatever happened to the batches", () =>
  withFaults({ ...grown(600), startsStill: true, sender: { batch_size: 1, timeout_sec: 1 } }, async (stage) => {
    const { receiver } = stage;
    receiver.rule({ on: "snapshot", skip: 1, fault: { kind: "lost_answer" } });
    receiver.rule({ on: "snapshot", skip: 3, fault: { kind: "answer", status: 500 } });
    receiver.rule({ on: "snapshot", skip: 4, fault: { kind: "answer", status: 429, headers: { "retry-after": "1" } } });
    receiver.rule({ on: "snapshot", skip: 5, fault: { kind: "silence", reachesFusion: true } });
    receiver.rule({ on: "snapshot_end", fault: { kind: "answer", status: 503 } });
    stage.agent.start();
    await stage.settle();
    const taken = receiver.seen.filter(({ status }) => status === 200);
    expect(taken.filter(({ kind }) => kind === "snapshot_end")).toHaveLength(1);
    const rows = new Set(
      taken
        .slice(
          0,
          taken.findIndex(({ kind }) => kind === "snapshot_end"),
        )
        .flatMap((r) => r.upserted),
    );
    expect(rows.size).toBe(600 + 30 + 2);
  }));
