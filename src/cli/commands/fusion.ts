import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { shutdownSignal } from "../../agent/process/shutdown.ts";
import { resolveHome } from "../../config/home.ts";
import { requireTrusted } from "../../config/trusted-files.ts";
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
    const home = resolveHome(process.env);
    const folder = join(home, "fusion-config");
    const files = await readdir(folder).catch(() => []);
    requireTrusted([home, folder, ...files.map((name) => join(folder, name))]);
    const config = loadFusionConfig(home);
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
