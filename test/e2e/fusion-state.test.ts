/** A Fusion that keeps its state, killed and stopped under an agent: real processes, and the disk is the judge. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createOurAgent } from "../support/agent-process.ts";
import { killChildren } from "../support/child-process.ts";
import { createEmbeddedFusion } from "../support/embedded-fusion.ts";
import type { FusionProcess } from "../support/fusion-process.ts";
import { runShell } from "../support/shell.ts";
import { createTempFolder, removeTempFolders } from "../support/temp-tree.ts";
import { waitUntilEqual } from "../support/tree-compare.ts";
import { waitFor } from "../support/wait-for.ts";

const FILES = 2000;
const KILLS = Number(process.env.FUSTOR_FUSION_KILLS ?? "2");

async function statisticsOf({ viewUrl, viewKey }: FusionProcess): Promise<{ rows_received: number }> {
  const answer = await fetch(`${viewUrl}/api/v1/views/unified-view/stats`, { headers: { "X-API-Key": viewKey } });
  return (await answer.json()) as { rows_received: number };
}

test("kills and stops of Fusion lose nothing: the same session goes on, and only changes are sent", async () => {
  try {
    const root = createTempFolder("tree");
    const shell = (script: string): Promise<void> => runShell(script, root, {});
    await shell(`for d in $(seq 20); do mkdir d$d; for f in $(seq ${FILES / 20}); do echo $f > d$d/$f; done; done`);
    const fusion = await createEmbeddedFusion({ stateDir: "state", sessionTimeoutSeconds: 60 });
    await fusion.start();
    const pipe = { error_retry_interval: 0.2, max_backoff_seconds: 1 };
    const agent = createOurAgent({ root, receiver: fusion.receiver, sender: { timeout_sec: 5 }, pipe });
    agent.start();
    await waitUntilEqual(fusion.view, root, { timeoutMs: 60_000 });
    const [session] = await fusion.view.sessions();
    const before = (await statisticsOf(fusion)).rows_received;
    for (let round = 1; round <= KILLS; round++) {
      const moved = `d${3 + (round % 15)}/$f d20/m${round}_$f`;
      const writing = shell(
        `for f in $(seq 60); do echo $f > d1/n${round}_$f; rm -f d2/${round}$f; mv ${moved} || true; sleep 0.01; done`,
      );
      const bounce = async (): Promise<void> => {
        await (round % 2 === 0 ? fusion.stop() : fusion.kill());
        await fusion.start();
      };
      await Promise.all([bounce(), writing]);
      await waitUntilEqual(fusion.view, root, { timeoutMs: 60_000 });
      expect((await fusion.view.sessions()).map(({ id }) => id)).toEqual([session?.id]);
      expect(fusion.output()).not.toMatch(/not used|no state written/);
    }
    expect((await statisticsOf(fusion)).rows_received - before).toBeLessThan(before + 600 * KILLS);
    await fusion.kill();
    const folder = join(fusion.home, "state");
    for (const name of readdirSync(folder)) if (name.endsWith(".journal")) rmSync(join(folder, name));
    await fusion.start();
    expect(fusion.output()).toMatch(/state of the earlier run is not used/);
    await waitUntilEqual(fusion.view, root, { timeoutMs: 60_000 });
    await waitFor(async () => (await fusion.view.sessions())[0]?.id !== session?.id, {
      timeoutMs: 20_000,
      what: "a session of its own after the state was gone",
    });
  } finally {
    await killChildren();
    removeTempFolders();
  }
});
