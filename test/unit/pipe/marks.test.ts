/** A pipe notes a mark of its source only when the receiver lacks nothing of what came before it. */
import { expect, it } from "vitest";
import type { LeftState } from "../../../src/sdk/state-store.ts";
import { FakeSource } from "../../support/fake-source.ts";
import { PipeStage } from "../../support/pipe-stage.ts";
import { ended, soon } from "../../support/turns.ts";

const BEAT_MS = 9_000;

async function leading() {
  const noted: (string | undefined)[] = [];
  const noteLeft = async (left: LeftState | undefined): Promise<void> => void noted.push(left?.generation);
  const source = Object.assign(new FakeSource({ rescans: true }), { kept: () => undefined });
  const stage = new PipeStage({ settings: { auditIntervalMs: 3_600_000 }, parts: { source } });
  Object.assign(stage.store, { noteLeft });
  const mark = (text: string): void => stage.bus.publish({ changes: [], sizeBytes: 0, lagMs: 0, mark: text });
  const beat = async (role: "leader" | "follower"): Promise<void> => {
    stage.receiver.heartbeat = async () => ({ role, commands: [], snapshotNeeded: false });
    await stage.pass(BEAT_MS);
  };
  void stage.pipe.run();
  await soon(() => stage.fusion.isComplete);
  for (let beats = 0; beats < 100 && !stage.store.hasTakenOver; beats++) await beat("leader");
  mark("one");
  await beat("leader");
  expect(noted).toEqual(["one"]);
  return { stage, source, noted, mark, beat };
}

async function stop(stage: PipeStage): Promise<void> {
  const stopped = stage.pipe.stop({ deadlineMs: 0 });
  await stage.pass(1);
  await ended(stopped);
}

it("does not note a mark while directories are told again", async () => {
  const { stage, source, noted, mark, beat } = await leading();
  stage.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
  expect(stage.pipe.resend(["/"])).toBe(true);
  await soon(() => source.rescanned.length === 1);
  mark("two");
  await beat("leader");
  expect(noted).toEqual(["one"]);
  await stop(stage);
});

it.each([
  ["changes are lost for ever", { kind: "lost", reason: "a reason" }],
  ["changes of some directories are lost", { kind: "dirty", directories: ["/"] }],
] as const)("does not note a mark when it hears that %s before it", async (_, news) => {
  const { stage, noted, mark } = await leading();
  const { take } = stage.subscription;
  let isTold = false;
  stage.subscription.take = () => {
    stage.subscription.take = take;
    isTold = true;
    return news;
  };
  mark("two");
  stage.write("/a");
  stage.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
  await soon(() => isTold);
  expect(noted).not.toContain("two");
  await stop(stage);
});

it("does not note a mark when it leads again, before what that asks for was done", async () => {
  const { stage, noted, mark, beat } = await leading();
  await beat("follower");
  expect(noted).toEqual(["one", undefined]);
  mark("two");
  stage.sender.setFaults((call) =>
    call === "push" || call === "getLatestCommittedIndex" ? { kind: "hang" } : undefined,
  );
  await beat("leader");
  expect(noted).toEqual(["one", undefined]);
  await stop(stage);
});
