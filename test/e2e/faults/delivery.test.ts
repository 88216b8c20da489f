/** What becomes of batches when the line or Fusion misbehaves: the agent as a process, Fusion's view against the disk. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Fault, SeenRequest } from "../../support/fault-rules.ts";
import { type FaultStage, withFaults } from "../../support/fault-stage.ts";
import { startUnrest } from "../../support/random-operations.ts";
import { growTree } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const grown = (files: number) => ({
  prepare: ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed: files, files }),
});
const SMALL_BATCHES = { batch_size: 5, event_rows: 10, timeout_sec: 1 };

const taken = ({ receiver }: FaultStage): readonly SeenRequest[] =>
  receiver.seen.filter(({ status }) => status === 200);
const count = (seen: readonly SeenRequest[], kind: SeenRequest["kind"]): number =>
  seen.filter((request) => request.kind === kind).length;

test("the end of a snapshot goes out once, after every row of it was taken, whatever happened to its batches", () =>
  withFaults({ ...grown(600), startsStill: true, sender: SMALL_BATCHES }, async (stage) => {
    const { receiver } = stage;
    receiver.rule({ on: "snapshot", skip: 1, fault: { kind: "lost_answer" } });
    receiver.rule({ on: "snapshot", skip: 3, fault: { kind: "answer", status: 500 } });
    receiver.rule({ on: "snapshot", skip: 4, fault: { kind: "answer", status: 429, headers: { "retry-after": "1" } } });
    receiver.rule({ on: "snapshot", skip: 6, fault: { kind: "silence", reachesFusion: true } });
    receiver.rule({ on: "snapshot_end", fault: { kind: "answer", status: 503 } });
    stage.agent.start();
    await stage.settle();
    const answered = taken(stage);
    expect(count(answered, "snapshot_end")).toBe(1);
    const end = answered.findIndex(({ kind }) => kind === "snapshot_end");
    const rows = new Set(answered.slice(0, end).flatMap(({ upserted }) => upserted));
    expect(rows.size).toBe(600 + 30 + 2);
  }));

test("an end signal whose answer was lost is sent again", () =>
  withFaults({ ...grown(20), startsStill: true }, async (stage) => {
    stage.receiver.rule({ on: "snapshot_end", fault: { kind: "lost_answer" } });
    stage.agent.start();
    await stage.settle();
    // The view is complete by the first one; the agent repeats it after a pause.
    await waitFor(() => count(taken(stage), "snapshot_end") === 2, { timeoutMs: 10_000, what: "the end comes again" });
  }));

const LINE_FAULTS: readonly Fault[] = [
  { kind: "reset", when: "after_request" },
  { kind: "reset", when: "in_answer" },
  { kind: "lost_answer" },
  { kind: "answer", status: 502, body: "<html>bad gateway</html>" },
  { kind: "answer", status: 200, body: "not what anybody expects" },
  { kind: "answer", status: 429 },
  { kind: "silence", reachesFusion: false },
  { kind: "slow_answer", ms: 300 },
  { kind: "delay", ms: 300 },
];

test("live batches through every fault of the line keep the session and arrive without another snapshot", () =>
  withFaults({ fusion: { sessionTimeoutSeconds: 30 }, sender: { timeout_sec: 1 } }, async (stage) => {
    const { receiver, root, outside } = stage;
    receiver.rule({ on: "live", skip: 1, fault: { kind: "reset", when: "in_request" } });
    const rules = LINE_FAULTS.map((fault, i) => receiver.rule({ on: "live", skip: 2 + i, fault }));
    const unrest = startUnrest({ root, outside, seed: 7 });
    for (const rule of rules) await rule.struck();
    await unrest.stop();
    await stage.settle();
    expect(count(receiver.seen, "create")).toBe(1);
    expect(count(receiver.seen, "snapshot_end")).toBe(1);
  }));

test("a receiver that takes only small bodies gets every row in pieces that fit", () =>
  withFaults({ ...grown(500), startsStill: true }, async (stage) => {
    const { receiver } = stage;
    const fault: Fault = { kind: "answer", status: 413 };
    receiver.rule({ on: "ingest", if: ({ bytes }) => bytes > 6000, times: 1000, fault });
    stage.agent.start();
    await stage.settle();
    await stage.shell("mkdir -p more; for i in $(seq 200); do echo $i > more/$i; done");
    await stage.settle();
  }));

test("one path that is refused with 422 costs that path alone, live and in a snapshot", () =>
  withFaults({ ...grown(60), startsStill: true }, async (stage) => {
    const { receiver, agent, fusion } = stage;
    const isBad = ({ upserted }: SeenRequest): boolean => upserted.some((path) => path.endsWith("poison"));
    const rule = receiver.rule({ on: "ingest", if: isBad, times: 1000, fault: { kind: "answer", status: 422 } });
    await stage.shell("echo bad > poison; echo good > beside");
    agent.start();
    await fusion.view.waitUntilOpen(10_000);
    await stage.shell("mkdir live; echo 1 > live/1; echo bad > live/poison; echo 2 > live/2");
    await agent.waitForStatus(({ pipes }) => (pipes[0]?.poisonRows ?? 0) >= 2);
    await stage.shell("echo 3 > live/3");
    await receiver.waitForSeen(({ upserted }) => upserted.includes("/live/3"), "what comes after the bad rows");
    const reading = await fusion.view.readTree();
    const paths = reading.state === "open" ? [...reading.tree.keys()] : [];
    expect(paths).toEqual(expect.arrayContaining(["/beside", "/live/1", "/live/2", "/live/3"]));
    expect(paths.filter((path) => path.endsWith("poison"))).toEqual([]);
    const deadLetters = readFileSync(`${agent.home}/dead-letter/${fusion.receiver.pipeId}.jsonl`, "utf8");
    for (const path of ["/poison", "/live/poison"]) expect(deadLetters).toContain(JSON.stringify(path));
    rule.disarm();
    await stage.shell("rm poison live/poison");
    await stage.settle();
  }));

test("a file that was deleted and restored with its old times is in the view, whichever answer was lost", () =>
  withFaults({}, async (stage) => {
    const { receiver, shell } = stage;
    await shell(
      "for i in 1 2 3; do echo $i > f$i; touch -d 2010-10-10 f$i; done; mkdir d; echo 4 > d/f4; touch -d 2009-09-09 d/f4",
    );
    await stage.settle();
    const isDelete = ({ deleted }: SeenRequest): boolean => deleted.length > 0;
    receiver.rule({ on: "live", if: isDelete, fault: { kind: "lost_answer" } });
    await shell('mv f1 f2 f3 d "$OUT/"');
    await receiver.waitForSeen(isDelete, "the deletes");
    receiver.rule({ on: "live", fault: { kind: "lost_answer" } });
    await shell('mv "$OUT"/* .');
    await stage.settle();
  }));
