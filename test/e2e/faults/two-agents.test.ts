/** Two agents on one directory: one leads, and whatever happens to it the other one takes over and the view equals the disk. */
import { expect, test } from "vitest";
import { type FaultStage, type Placed, withFaults } from "../../support/fault-stage.ts";
import { startUnrest } from "../../support/random-operations.ts";
import { growTree } from "../../support/temp-tree.ts";
import { lasting, waitFor } from "../../support/wait-for.ts";

const grown = {
  prepare: ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed: 2, files: 300 }),
};
const CHANGES =
  "rm -rf grown/d3; mv grown/d1 moved; echo new > grown/new; mkdir -p fresh/a/b; touch fresh/a/b/c; rm -f grown/*1.dat";

/** The role that Fusion last told an agent. */
const roleOf = ({ receiver }: Placed): unknown =>
  receiver.seen.findLast(({ kind, status }) => kind === "heartbeat" && status === 200)?.answer?.role;

const sessionOf = ({ receiver }: Placed): string | undefined =>
  receiver.seen.findLast(({ kind, status }) => kind === "heartbeat" && status === 200)?.sessionId;

async function second(stage: FaultStage): Promise<Placed> {
  const placed = await stage.place();
  placed.agent.start();
  await waitFor(() => roleOf(placed) === "follower", { timeoutMs: 15_000, what: "the second agent follows" });
  await placed.agent.waitForStatus(({ pipes }) => pipes[0]?.state === "running");
  return placed;
}

const untilLeads = (placed: Placed): Promise<true> =>
  waitFor<true>(() => (roleOf(placed) === "leader" ? true : undefined), {
    timeoutMs: 15_000,
    what: "the other agent leads",
  });

test("a leader that is killed under writes is followed by the other agent, and comes back as its follower", () =>
  withFaults(grown, async (stage) => {
    const other = await second(stage);
    const unrest = startUnrest({ root: stage.root, outside: stage.outside, seed: 17 });
    await lasting(300, "both agents run beside the writer");
    await stage.agent.kill();
    await stage.shell(CHANGES);
    await untilLeads(other);
    stage.agent.start();
    const bothThere = async () => (await stage.fusion.view.sessions()).length === 2;
    await waitFor(bothThere, { timeoutMs: 15_000, what: "the killed agent's new session" });
    await unrest.stop();
    await stage.settle(30_000);
    expect(roleOf(stage)).toBe("follower");
    expect(roleOf(other)).toBe("leader");
  }));

test("a leader that was stopped and goes on after its time sends nothing more in its old session", () =>
  withFaults(grown, async (stage) => {
    const { agent, receiver } = stage;
    const other = await second(stage);
    await stage.settle();
    const old = sessionOf(stage);
    agent.freeze();
    await stage.shell(`${CHANGES}; mv fresh/a fresh/x; rm -rf moved`);
    await untilLeads(other);
    await stage.settle(30_000);
    await stage.shell("mv fresh/x fresh/a; echo later > fresh/later; rm grown/new");
    const thawed = receiver.seen.length;
    agent.thaw();
    await receiver.waitForSeen(({ kind, sessionId }) => kind === "heartbeat" && sessionId !== old, "a new session");
    await stage.settle(30_000);
    const stale = receiver.seen.slice(thawed).filter(({ sessionId, rows }) => sessionId === old && rows > 0);
    expect(stale).toEqual([]);
  }));

test.each(["refusing", "half_open"] as const)(
  "a leader whose line is %s for longer than its session lives and then heals leaves the view equal",
  (line) =>
    withFaults(grown, async (stage) => {
      const other = await second(stage);
      const unrest = startUnrest({ root: stage.root, outside: stage.outside, seed: 19 });
      await lasting(200, "both agents run beside the writer");
      await stage.receiver.line(line);
      await untilLeads(other);
      await stage.shell(CHANGES);
      await stage.receiver.line("open");
      await lasting(500, "the healed line carries writes");
      await unrest.stop();
      await stage.settle(30_000);
    }),
);
