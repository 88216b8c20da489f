import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { lockFile } from "../../agent/process/native-lock.ts";
import { shutdownSignal } from "../../agent/process/shutdown.ts";
import { resolveHome } from "../../config/home.ts";
import { distrustOfPath, requireTrusted } from "../../config/trusted-files.ts";
import { startEmbeddedFusion } from "../../fusion/embedded-fusion.ts";
import { type FusionConfig, loadFusionConfig } from "../../fusion/fusion-config.ts";
import type { ReceiverModule } from "../../sdk/receiver-driver.ts";
import { createLogger } from "../../telemetry/logger.ts";
import { EXIT } from "../exit-codes.ts";
import { takeFusionSocket } from "../fusion/fusion-socket.ts";
import { serveKeys } from "../fusion/served-keys.ts";
import type { Terminal } from "../terminal.ts";

export interface FusionCommandOptions {
  readonly verbose?: boolean;
}

/** Runs until SIGTERM or Ctrl-C. */
export async function fusion(options: FusionCommandOptions, terminal: Terminal): Promise<number> {
  const shutdown = shutdownSignal();
  const closing: (() => Promise<void>)[] = [];
  try {
    const home = resolveHome(process.env);
    const folder = join(home, "fusion-config");
    const files = await readdir(folder).catch(() => []);
    requireTrusted([home, folder, ...files.map((name) => join(folder, name))]);
    const config = loadFusionConfig(home);
    const logger = createLogger({ level: options.verbose === true ? "debug" : "info", stdout: process.stdout });
    const receivers = await installedReceivers(config, home);
    if (config.stateDir !== undefined && existsSync(config.stateDir)) requireTrusted([config.stateDir]);
    const socket = await takeFusionSocket(home, logger);
    closing.push(() => socket.close());
    const keys = await serveKeys(home, logger);
    closing.push(() => keys.end());
    const server = await startEmbeddedFusion({ config, logger, receivers, lockFile, registry: keys.registry });
    closing.push(() => server.stop());
    await socket.serve({
      "POST /keys": async () => ({ problem: (await keys.reread()) ?? null }),
      "GET /views": () => server.overview(),
      "GET /keys/uses": () => Object.fromEntries(keys.registry.lastUses),
    });
    await terminal.line(`Views     ${server.viewUrl}  (${[...config.views.keys()].join(", ")})`);
    for (const [id, url] of server.receiverUrls) await terminal.line(`Receiver  ${url}  (${id})`);
    if (!shutdown.signal.aborted) await once(shutdown.signal, "abort");
    return EXIT.done;
  } finally {
    for (const close of closing.reverse()) await close();
    shutdown.dispose();
  }
}

/** Only a configuration that names a receiver driver has packages looked for and loaded. */
async function installedReceivers(config: FusionConfig, home: string): Promise<ReadonlyMap<string, ReceiverModule>> {
  const names = [...config.receivers.values()].map(({ driver }) => driver).filter((driver) => driver !== "http");
  if (names.length === 0) return new Map();
  const { loadReceivers } = await import("../../drivers/receivers.ts");
  return loadReceivers(names, { home, distrust: distrustOfPath });
}
