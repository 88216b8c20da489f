/** The embedded Fusion in the process of the tests: up at once, and no process to wait for. It cannot be frozen. */
import { type EmbeddedFusion, startEmbeddedFusion } from "../../src/fusion/embedded-fusion.ts";
import { demoFusionConfig } from "../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../src/sdk/index.ts";
import { freePorts } from "./free-ports.ts";
import type { FusionOptions, FusionProcess } from "./fusion-process.ts";
import { createViewClient } from "./view-client.ts";

/** What tests of faults need of a Fusion, whichever it is. */
export type FusionHost = Pick<FusionProcess, "kind" | "receiver" | "view" | "start" | "kill">;

const KEYS = { pushKey: "push-key", readKey: "read-key", pipe: "pipe-1", view: "unified-view" };

/** Not started yet. `kill` forgets everything; `start` after it begins anew on the same ports. */
export async function createInProcessFusion(options: FusionOptions = {}): Promise<FusionHost> {
  const [viewPort = 0, receiverPort = 0] = await freePorts(2);
  const config = demoFusionConfig({
    ...KEYS,
    viewPort,
    receiverPort,
    sessionTimeoutSeconds: options.sessionTimeoutSeconds ?? 30,
    auditIntervalSeconds: options.auditIntervalSeconds ?? 0,
    sentinelIntervalSeconds: options.sentinelIntervalSeconds ?? 0,
    ...(options.tombstoneSeconds === undefined ? {} : { tombstoneSeconds: options.tombstoneSeconds }),
  });
  const url = `http://127.0.0.1:${viewPort}`;
  let running: EmbeddedFusion | undefined;
  return {
    kind: "embedded",
    receiver: { url: `http://127.0.0.1:${receiverPort}`, pushKey: KEYS.pushKey, pipeId: KEYS.pipe },
    view: createViewClient({ url, viewId: KEYS.view, key: KEYS.readKey }),
    async start() {
      running = await startEmbeddedFusion({ config: { ...config, sessionCleanupSeconds: 0.2 }, logger: silentLogger });
    },
    async kill() {
      await running?.stop();
      running = undefined;
      return { code: null, signal: "SIGKILL" };
    },
  };
}
