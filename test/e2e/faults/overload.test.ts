/** What a pipe does with more changes than it may hold. */
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { withFaults } from "../../support/fault-stage.ts";

/** Far fewer than what happens meanwhile. */
const SMALL_BUFFERS = { max_queue_size: 100 };
const FLOOD = `for d in $(seq 40); do mkdir -p flood/$d; for i in $(seq 50); do echo $i > flood/$d/$i; done; done
  rm -rf old; mv kept moved; rm -rf flood/1?`;
const prepare = ({ shell }: { shell(script: string): Promise<void> }) =>
  shell("mkdir old kept; for i in $(seq 100); do echo $i > old/$i; echo $i > kept/$i; done");

test("writes beyond every buffer while batches are refused keep the session and cost one rescan", () =>
  withFaults({ prepare, source: SMALL_BUFFERS, fusion: { sessionTimeoutSeconds: 30 } }, async (stage) => {
    const { receiver } = stage;
    const rule = receiver.rule({ on: "ingest", times: 10_000, fault: { kind: "answer", status: 503 } });
    await stage.shell("echo first > first");
    while (rule.hits === 0) await pause(10);
    await stage.shell(FLOOD);
    await pause(1000);
    rule.disarm();
    await stage.settle(30_000);
    const answered = receiver.seen.filter(({ status }) => status === 200);
    expect(answered.filter(({ kind }) => kind === "create")).toHaveLength(1);
    expect(answered.filter(({ kind }) => kind === "snapshot_end").length).toBeLessThanOrEqual(2);
  }));

test("a Fusion that is away for longer than the session lives, under writes beyond every buffer, costs one snapshot", () =>
  withFaults({ prepare, source: SMALL_BUFFERS }, async (stage) => {
    const { receiver } = stage;
    await receiver.line("half_open");
    await stage.shell(FLOOD);
    await pause(4000);
    await receiver.line("open");
    await stage.settle(30_000);
    const ends = receiver.seen.filter(({ kind, status }) => kind === "snapshot_end" && status === 200);
    expect(ends).toHaveLength(2);
  }));
