/** What a pipe does with more changes than it may hold. */
import { expect, test } from "vitest";
import type { AgentStatus } from "../../../src/agent/agent-status.ts";
import { type FaultStage, withFaults } from "../../support/fault-stage.ts";
import { lasting, waitFor } from "../../support/wait-for.ts";

/** Far fewer than what happens meanwhile. */
const SMALL_BUFFERS = { max_queue_size: 100 };
const FLOOD = `for d in $(seq 40); do mkdir -p flood/$d; for i in $(seq 50); do echo $i > flood/$d/$i; done; done
  rm -rf old; mv kept moved; rm -rf flood/1?
  for i in $(seq 100); do rm stays/$i; done; for i in $(seq 101 150); do touch -d 2001-02-03 stays/$i; done
  mv deep/a/b deep/c; rm -rf deep/a; mkdir -p deep/a/b/c; touch -d 2001-02-03 deep/a/b/c/restored
  mv stays/151 stays/x; mv stays/152 stays/151; mv stays/x stays/152; rm -rf kind; echo file > kind`;
const prepare = ({ shell }: { shell(script: string): Promise<void> }) =>
  shell(`mkdir -p old kept stays quiet kind/below deep/a/b/c
    for i in $(seq 100); do echo $i > old/$i; echo $i > kept/$i; echo $i > quiet/$i; echo $i > kind/below/$i; echo $i > deep/a/b/c/$i; done
    for i in $(seq 300); do echo $i > stays/$i; done`);

/** One session, its one snapshot, and exactly one rescan, which told nothing of what had not changed. */
function expectOneRescan({ receiver, agent }: FaultStage): void {
  const answered = receiver.seen.filter(({ status }) => status === 200);
  expect(answered.filter(({ kind }) => kind === "create")).toHaveLength(1);
  expect(answered.filter(({ kind }) => kind === "snapshot_end")).toHaveLength(1);
  expect(agent.output().match(/a rescan is complete/g)).toHaveLength(1);
  expect(agent.output()).not.toMatch(/a rescan starts anew|changes were lost/);
}

const untilRescanned = ({ agent }: FaultStage): Promise<unknown> =>
  waitFor(() => agent.output().includes("a rescan is complete"), { timeoutMs: 30_000, what: "a rescan is complete" });

/** The agent took more changes than it may hold. */
async function untilOverflown({ agent }: FaultStage): Promise<void> {
  const taken = ({ sources }: AgentStatus): number => Number(sources[0]?.status?.changes ?? 0);
  await agent.waitForStatus((status) => taken(status) > 10 * SMALL_BUFFERS.max_queue_size);
}

test("writes beyond every buffer while batches are refused keep the session and cost one rescan and no snapshot", () =>
  withFaults({ prepare, source: SMALL_BUFFERS, fusion: { sessionTimeoutSeconds: 30 } }, async (stage) => {
    const { receiver } = stage;
    const rule = receiver.rule({ on: "ingest", times: 10_000, fault: { kind: "answer", status: 503 } });
    await stage.shell("echo first > first");
    await rule.struck();
    await stage.shell(FLOOD);
    await untilOverflown(stage);
    rule.disarm();
    await untilRescanned(stage);
    await stage.settle(30_000);
    expectOneRescan(stage);
  }));

test("writes beyond every buffer while Fusion says nothing cost one rescan and no snapshot", () =>
  withFaults({ prepare, source: SMALL_BUFFERS, fusion: { sessionTimeoutSeconds: 30 } }, async (stage) => {
    await stage.receiver.line("half_open");
    await stage.shell(FLOOD);
    await untilOverflown(stage);
    await stage.receiver.line("open");
    await untilRescanned(stage);
    await stage.settle(30_000);
    expectOneRescan(stage);
  }));

test("a Fusion that is away for longer than the session lives, under writes beyond every buffer, costs one snapshot", () =>
  withFaults({ prepare, source: SMALL_BUFFERS }, async (stage) => {
    const { receiver } = stage;
    await receiver.line("half_open");
    await stage.shell(FLOOD);
    await lasting(4000, "Fusion is away for longer than the session lives");
    await receiver.line("open");
    await stage.settle(30_000);
    const ends = receiver.seen.filter(({ kind, status }) => kind === "snapshot_end" && status === 200);
    expect(ends).toHaveLength(2);
  }));
