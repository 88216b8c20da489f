import { once } from "node:events";
import { shutdownSignal } from "../../agent/shutdown.ts";
import { resolveHome } from "../../config/home.ts";
import { startEmbeddedFusion } from "../../fusion/embedded-fusion.ts";
import { loadFusionConfig } from "../../fusion/fusion-config.ts";
import { createLogger } from "../../telemetry/logger.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

export interface FusionCommandOptions {
  readonly verbose?: boolean;
}

/** Runs until SIGTERM or Ctrl-C. */
export async function fusion(options: FusionCommandOptions, terminal: Terminal): Promise<number> {
  const shutdown = shutdownSignal();
  try {
    const config = loadFusionConfig(resolveHome(process.env));
    const logger = createLogger({ level: options.verbose === true ? "debug" : "info", stdout: process.stdout });
    const server = await startEmbeddedFusion({ config, logger });
    await terminal.line(`Views     ${server.viewUrl}  (${[...config.views.keys()].join(", ")})`);
    for (const [id, url] of server.receiverUrls) await terminal.line(`Receiver  ${url}  (${id})`);
    if (!shutdown.signal.aborted) await once(shutdown.signal, "abort");
    await server.stop();
    return EXIT.done;
  } finally {
    shutdown.dispose();
  }
}
