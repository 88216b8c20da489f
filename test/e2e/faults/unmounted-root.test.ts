/** A root whose file system goes away: nothing that was there is deleted from the view. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { type FaultStage, withFaults } from "../../support/fault-stage.ts";
import { canMount } from "../../support/own-mounts.ts";
import { staysTrue, waitFor } from "../../support/wait-for.ts";

const mount = (...args: readonly string[]): void => void execFileSync("mount", args, { stdio: "pipe" });
const unmount = (path: string): void => void execFileSync("umount", ["-l", path], { stdio: "pipe" });

/** The root is a bind mount of a folder outside, so that the same file system can come back. */
const mounted = {
  fusion: { sessionTimeoutSeconds: 2, auditIntervalSeconds: 1 },
  async prepare({ root, outside, shell }: { root: string; outside: string; shell(script: string): Promise<void> }) {
    mount("-t", "tmpfs", "none", outside);
    mount("--bind", outside, root);
    await shell('cd "$OUT"; mkdir -p a/b; for i in $(seq 30); do echo $i > a/b/$i; done');
  },
};

const deletes = ({ receiver }: FaultStage): string[] => receiver.seen.flatMap(({ deleted }) => deleted);

function unmountAtTheEnd({ root, outside, onCleanup }: FaultStage): void {
  for (const path of [outside, root]) {
    onCleanup(() => {
      try {
        unmount(path);
      } catch {
        // Unmounted already.
      }
    });
  }
}

test.skipIf(!canMount())(
  "a root that is unmounted while the agent runs deletes nothing, and is taken up again when it is back",
  () =>
    withFaults(mounted, async (stage) => {
      unmountAtTheEnd(stage);
      const { root, outside, agent, fusion } = stage;
      const entries = await fusion.view.itemCount();
      unmount(root);
      await agent.waitForStatus(({ pipes }) => pipes[0]?.state === "waiting_for_source", 15_000);
      const untouched = async () => deletes(stage).length === 0 && (await fusion.view.itemCount()) === entries;
      await staysTrue(untouched, { forMs: 3000, what: () => `${entries} entries, deletes: ${deletes(stage)}` });
      mount("--bind", outside, root);
      await stage.shell("rm a/b/7; echo more > a/more");
      await stage.settle(30_000);
    }),
);

test.skipIf(!canMount())(
  "an agent that starts again on an unmounted root neither deletes anything nor calls the view complete",
  () =>
    withFaults(mounted, async (stage) => {
      unmountAtTheEnd(stage);
      const { root, outside, agent, fusion, receiver } = stage;
      await agent.kill();
      unmount(root);
      const before = receiver.seen.length;
      agent.start();
      await waitFor(() => receiver.seen.slice(before).some(({ kind }) => kind === "heartbeat"), {
        timeoutMs: 15_000,
        what: "a session",
      });
      const ends = () =>
        receiver.seen.slice(before).filter(({ kind }) => kind === "snapshot_end" || kind === "audit_end");
      const silent = (): boolean => ends().length === 0 && deletes(stage).length === 0;
      await staysTrue(silent, {
        forMs: 3000,
        what: () => `no end and no delete: ${JSON.stringify(ends())} ${deletes(stage)}`,
      });
      expect((await fusion.view.readTree()).state).toBe("opening");
      mount("--bind", outside, root);
      await stage.settle(30_000);
    }),
);
