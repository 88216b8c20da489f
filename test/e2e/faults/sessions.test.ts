/** What becomes of a pipe when its session, its role or Fusion itself goes: the agent as a process, Fusion's view against the disk. */
import { expect, test } from "vitest";
import type { Fault, RequestKind, SeenRequest } from "../../support/fault-rules.ts";
import { withFaults } from "../../support/fault-stage.ts";
import { startUnrest } from "../../support/random-operations.ts";
import { growTree } from "../../support/temp-tree.ts";
import { lasting } from "../../support/wait-for.ts";

const grown = (files: number) => ({
  prepare: ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed: files, files }),
});
const SMALL_BATCHES = { batch_size: 5, event_rows: 10, timeout_sec: 1 };

test("a session that ends with 404, 410 or 419 in the middle of a snapshot, of live batches, at an end or at a heartbeat costs nothing but time", () =>
  withFaults({ ...grown(500), startsStill: true, sender: SMALL_BATCHES }, async (stage) => {
    const { receiver, agent, root, outside } = stage;
    agent.start();
    const unrest = startUnrest({ root, outside, seed: 3 });
    const losses: readonly (readonly [RequestKind, number, 404 | 410 | 419])[] = [
      ["snapshot", 3, 404],
      ["snapshot_end", 0, 419],
      ["live", 2, 404],
      ["heartbeat", 1, 419],
      ["live", 0, 410],
      ["snapshot", 1, 419],
    ];
    const lost = new Set<string | undefined>();
    for (const [on, skip, status] of losses) {
      const isNew = ({ sessionId }: SeenRequest): boolean => !lost.has(sessionId);
      const fault = ({ sessionId }: SeenRequest): Fault => {
        lost.add(sessionId);
        return { kind: "session_lost", status };
      };
      const rule = receiver.rule({ on, skip, if: isNew, fault });
      await rule.struck();
    }
    await unrest.stop();
    await stage.settle();
    expect(receiver.seen.filter(({ kind }) => kind === "create")).toHaveLength(1 + losses.length);
  }));

test("heartbeats that fail for the whole timeout end the session, whatever the batches are told", () =>
  withFaults({}, async (stage) => {
    const { receiver, root, outside } = stage;
    const before = receiver.seen.find(({ kind }) => kind === "heartbeat")?.sessionId;
    const rule = receiver.rule({ on: "heartbeat", times: 1000, fault: { kind: "answer", status: 500 } });
    const unrest = startUnrest({ root, outside, seed: 5 });
    await receiver.waitForSeen(
      ({ kind, at }) => kind === "create" && at > (receiver.seen.at(0)?.at ?? 0) + 1000,
      "another session",
    );
    rule.disarm();
    await unrest.stop();
    await stage.settle();
    const after = receiver.seen.findLast(({ kind }) => kind === "heartbeat")?.sessionId;
    expect(after).not.toBe(before);
  }));

test("connections that are refused, then taken without an answer, leave the view equal once they work again", () =>
  withFaults({}, async (stage) => {
    const { receiver, shell } = stage;
    await shell("mkdir away; for i in $(seq 50); do echo $i > away/$i; done");
    await stage.settle();
    for (const [digit, line] of [
      [2, "refusing"],
      [3, "half_open"],
    ] as const) {
      await receiver.line(line);
      await shell(
        `rm away/${digit}?; mv away/${digit} away/moved${digit}; mkdir -p away/a${digit}/b; echo x > away/a${digit}/b/c`,
      );
      await lasting(3000, `the line is ${line} for longer than the session lives`);
      await receiver.line("open");
      await stage.settle();
    }
  }));

test("a role that flips under writes ends one snapshot per promotion and none as a follower", () =>
  withFaults({ ...grown(400), fusion: { sessionTimeoutSeconds: 3 }, sender: SMALL_BATCHES }, async (stage) => {
    const { receiver, root, outside } = stage;
    const unrest = startUnrest({ root, outside, seed: 11 });
    const ends = (): number =>
      receiver.seen.filter(({ kind, status }) => kind === "snapshot_end" && status === 200).length;
    for (let flip = 1; flip <= 2; flip++) {
      const demote = (answer: Record<string, unknown>) => ({ ...answer, role: "follower" });
      const demoted = receiver.rule({ on: "heartbeat", times: 2, fault: { kind: "edit", edit: demote } });
      await demoted.struck(2);
      const before = ends();
      expect(before).toBe(flip);
      await receiver.waitForSeen(
        ({ kind }) => kind === "snapshot_end" && ends() > before,
        "the end of the promotion's snapshot",
      );
    }
    await unrest.stop();
    await stage.settle();
    expect(ends()).toBe(3);
  }));

test("a Fusion that is gone for a while and starts with nothing in its memory gets everything again", () =>
  withFaults({ ...grown(300) }, async (stage) => {
    const { fusion, root, outside } = stage;
    const unrest = startUnrest({ root, outside, seed: 13 });
    for (let round = 0; round < 2; round++) {
      await fusion.kill();
      await lasting(700, "Fusion is away");
      await fusion.start();
      await fusion.view.waitUntilOpen(15_000);
    }
    await unrest.stop();
    await stage.settle();
  }));
