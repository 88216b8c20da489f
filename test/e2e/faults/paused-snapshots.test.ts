/** Snapshots that an operator pauses and cancels on the command line, with an agent of its own process. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentStatus, PipeReport } from "../../../src/agent/agent-status.ts";
import type { FaultStage, Placed } from "../../support/fault-stage.ts";
import { withFaults } from "../../support/fault-stage.ts";
import { growTree } from "../../support/temp-tree.ts";
import { staysTrue, waitFor } from "../../support/wait-for.ts";
import { type Ended, run } from "../cli-process.ts";

const grown = {
  prepare: ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed: 47, files: 300 }),
  sender: { batch_size: 5, event_rows: 2, timeout_sec: 2 },
  startsStill: true,
} as const;

const countOf = ({ receiver }: Placed, kind: "snapshot" | "snapshot_end"): number =>
  receiver.seen.filter((request) => request.kind === kind && request.status === 200).length;

async function pipeOf({ agent }: Placed): Promise<PipeReport | undefined> {
  const { code, stdout } = await run(["status", "--json"], { home: agent.home });
  return code === 0 ? (JSON.parse(stdout) as AgentStatus).pipes[0] : undefined;
}

const until = (placed: Placed, what: string, holds: (pipe: PipeReport) => boolean): Promise<unknown> => {
  let last: PipeReport | undefined;
  const look = async (): Promise<boolean> => {
    last = await pipeOf(placed);
    return last !== undefined && holds(last);
  };
  return waitFor(look, { timeoutMs: 20_000, what: () => `${what}: ${JSON.stringify(last)}` });
};

async function says(placed: Placed, ...options: readonly string[]): Promise<Ended> {
  const id = (await pipeOf(placed))?.id ?? "?";
  return run(["snapshot", id, ...options], { home: placed.agent.home });
}

/** An agent whose first snapshot is paused in the middle. */
async function paused(stage: FaultStage): Promise<void> {
  const slow = stage.receiver.rule({ on: "snapshot", times: 10_000, fault: { kind: "slow_answer", ms: 100 } });
  stage.agent.start();
  await slow.struck(2);
  expect(await says(stage, "--pause")).toMatchObject({ code: 0, stdout: expect.stringContaining("Paused.") });
  await until(stage, "it is paused", ({ snapshot }) => snapshot === "paused");
  // What was on its way is there.
  let before = -1;
  const isStill = (): boolean => {
    const sent = countOf(stage, "snapshot");
    const is = sent === before;
    before = sent;
    return is;
  };
  await waitFor(isStill, { timeoutMs: 20_000, intervalMs: 300, what: "no more batches come" });
  slow.disarm();
}

test("while a snapshot is paused realtime changes go on, a reload leaves it so, and then the rest is sent", () =>
  withFaults(grown, async (stage) => {
    await paused(stage);
    const { agent, receiver, shell } = stage;
    const sent = countOf(stage, "snapshot");
    await shell("mkdir -p live && echo 1 > live/a && rm -rf grown/$(ls grown | head -1)");
    await receiver.waitForSeen(({ upserted }) => upserted.includes("/live/a"), "the change");
    expect(await run(["reload"], { home: agent.home })).toMatchObject({ code: 0 });
    // Longer than its session would last without heartbeats.
    const isStill = (): boolean => countOf(stage, "snapshot") === sent && countOf(stage, "snapshot_end") === 0;
    await staysTrue(isStill, { forMs: 3_000, what: "nothing of it is sent" });
    const status = await run(["status"], { home: agent.home });
    expect(status.stdout).toMatch(/paused \([\d,]+ rows\).*, for \d+ s/);
    expect(await says(stage)).toMatchObject({ code: 1, stderr: expect.stringContaining("or is paused") });
    expect(await says(stage, "--resume")).toMatchObject({ code: 0, stdout: "It goes on.\n" });
    await stage.settle();
    await until(stage, "it is complete", ({ snapshot }) => snapshot === "complete");
    expect(countOf(stage, "snapshot_end")).toBe(1);
    expect(await says(stage, "--resume")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no snapshot is paused"),
    });
    expect(await says(stage, "--pause", "--cancel")).toMatchObject({ code: 64 });
  }));

test("a snapshot that is cancelled gets no end, and the view opens with the one that is begun by hand", () =>
  withFaults(grown, async (stage) => {
    await paused(stage);
    expect(await says(stage, "--cancel")).toMatchObject({ code: 0, stdout: expect.stringContaining("Cancelled") });
    await stage.shell("echo 1 > after");
    await stage.receiver.waitForSeen(({ upserted }) => upserted.includes("/after"), "the change");
    expect([(await pipeOf(stage))?.snapshot, countOf(stage, "snapshot_end")]).toEqual(["cancelled", 0]);
    expect((await stage.fusion.view.readTree()).state).toBe("opening");
    expect(await says(stage)).toMatchObject({ code: 0 });
    await stage.settle();
    expect(countOf(stage, "snapshot_end")).toBe(1);
  }));

test("an agent that is killed, or stopped, while its snapshot is paused sends a whole one with its next run", () =>
  withFaults(grown, async (stage) => {
    await paused(stage);
    const { agent } = stage;
    await agent.kill();
    await paused(stage);
    expect(await run(["stop"], { home: agent.home })).toMatchObject({ code: 0 });
    expect(countOf(stage, "snapshot_end")).toBe(0);
    agent.start();
    await stage.settle();
    expect(countOf(stage, "snapshot_end")).toBe(1);
  }));

test("when the agent with a paused snapshot dies, the one that waited leads and sends the whole tree", () =>
  withFaults(grown, async (stage) => {
    await paused(stage);
    const other = await stage.place();
    other.agent.start();
    await until(other, "it follows", ({ role }) => role === "follower");
    await stage.agent.kill();
    await stage.settle();
    expect([countOf(stage, "snapshot_end"), countOf(other, "snapshot_end")]).toEqual([0, 1]);
  }));

test("a pipe that a reload starts anew sends a whole snapshot, and that is not paused", () =>
  withFaults(grown, async (stage) => {
    await paused(stage);
    const file = join(stage.agent.home, "agent-config/default.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace('"batch_size": 5', '"batch_size": 6'));
    expect(await run(["reload"], { home: stage.agent.home })).toMatchObject({ code: 0 });
    await stage.settle();
    expect(countOf(stage, "snapshot_end")).toBe(1);
  }));
