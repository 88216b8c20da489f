/** A Fusion as a child process: one interface for the real one and the embedded one, one configuration for both. */

import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, type ExitReport, startChild } from "./child-process.ts";
import { freePorts } from "./free-ports.ts";
import { createTempFolder } from "./temp-tree.ts";
import { createViewClient, type ViewClient } from "./view-client.ts";
import { waitFor } from "./wait-for.ts";

export interface FusionOptions {
  /** Whole seconds. Default 30. */
  readonly sessionTimeoutSeconds?: number;
  /** Default 0: no audit may help. */
  readonly auditIntervalSeconds?: number;
  /** How long a delete is remembered; only the one in the tests' own process can be told. Default 3600. */
  readonly tombstoneSeconds?: number;
  /** Default 0. */
  readonly sentinelIntervalSeconds?: number;
  /** Default: free ones. */
  readonly ports?: { readonly view: number; readonly receiver: number };
}

/** What an agent needs to push. */
export interface ReceiverAddress {
  readonly url: string;
  readonly pushKey: string;
  readonly pipeId: string;
}

export interface FusionProcess {
  readonly kind: "real" | "embedded";
  readonly receiver: ReceiverAddress;
  readonly view: ViewClient;
  readonly viewUrl: string;
  readonly viewKey: string;
  /** Resolves when both ports answer; after stop or kill it starts a new process on the same ports. */
  start(): Promise<void>;
  /** SIGTERM. */
  stop(): Promise<ExitReport>;
  /** SIGKILL. */
  kill(): Promise<ExitReport>;
  /** SIGSTOP: the ports still take connections, nobody answers. */
  freeze(): void;
  thaw(): void;
  /** Of the process that runs, else of the last one. */
  pid(): number;
  output(): string;
}

export interface FusionCommand {
  readonly kind: FusionProcess["kind"];
  readonly command: string;
  readonly args: readonly string[];
}

interface Addresses {
  readonly viewPort: number;
  readonly receiverPort: number;
  readonly pushKey: string;
  readonly viewKey: string;
}

// Pipe and view have different names on purpose: Fusion confuses them when it can.
const PIPE_ID = "pipe-1";
const VIEW_ID = "unified-view";
const START_TIMEOUT_MS = 30_000;

function configText({ viewPort, receiverPort, pushKey, viewKey }: Addresses, options: FusionOptions): string {
  return `host: 127.0.0.1
port: ${viewPort}
session_cleanup_interval: 1
receivers:
  http-receiver:
    driver: http
    bind_host: 127.0.0.1
    port: ${receiverPort}
    api_keys: [{key: ${pushKey}, pipe_id: ${PIPE_ID}}]
views:
  ${VIEW_ID}:
    driver: fs
    api_keys: [${viewKey}]
    driver_params: {hot_file_threshold: 10, max_tree_items: 0}
pipes:
  ${PIPE_ID}:
    receiver: http-receiver
    views: [${VIEW_ID}]
    audit_interval_sec: ${options.auditIntervalSeconds ?? 0}
    sentinel_interval_sec: ${options.sentinelIntervalSeconds ?? 0}
    session_timeout_seconds: ${options.sessionTimeoutSeconds ?? 30}
    allow_concurrent_push: true
`;
}

async function answers(url: string, key: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { headers: { "X-API-Key": key }, signal: AbortSignal.timeout(2000) });
    await answer.text();
    return answer.status === 200;
  } catch {
    return false;
  }
}

/** Not started yet. Its keys are random, so that only this very process is taken for it. */
export async function createFusionProcess(run: FusionCommand, options: FusionOptions = {}): Promise<FusionProcess> {
  const [freeView = 0, freeReceiver = 0] = await freePorts(2);
  const { view: viewPort, receiver: receiverPort } = options.ports ?? { view: freeView, receiver: freeReceiver };
  const addresses = { viewPort, receiverPort, pushKey: `push-${randomUUID()}`, viewKey: `read-${randomUUID()}` };
  const { pushKey, viewKey } = addresses;
  const home = createTempFolder(`${run.kind}-fusion`);
  mkdirSync(join(home, "fusion-config"));
  writeFileSync(join(home, "fusion-config/default.yaml"), configText(addresses, options));
  const receiverUrl = `http://127.0.0.1:${receiverPort}`;
  const viewUrl = `http://127.0.0.1:${viewPort}`;
  let child: Child | undefined;
  const running = (): Child => {
    if (child === undefined) throw new Error("this Fusion was never started");
    return child;
  };
  const isUp = async (): Promise<boolean> => {
    if (running().exit() !== undefined) throw new Error(`Fusion ended at once:\n${running().output()}`);
    const receiving = await answers(`${receiverUrl}/api/v1/pipe/session/`, pushKey);
    return receiving && (await answers(`${viewUrl}/api/v1/views/${VIEW_ID}/sessions`, viewKey));
  };
  return {
    kind: run.kind,
    receiver: { url: receiverUrl, pushKey, pipeId: PIPE_ID },
    view: createViewClient({ url: viewUrl, viewId: VIEW_ID, key: viewKey }),
    viewUrl,
    viewKey,
    async start() {
      child = startChild({ command: run.command, args: run.args, env: { FUSTOR_HOME: home }, cwd: home });
      await waitFor(isUp, {
        timeoutMs: START_TIMEOUT_MS,
        what: () => `Fusion answers on both ports\n${child?.output() ?? ""}`,
      });
    },
    stop: () => running().end(),
    async kill() {
      running().signal("SIGKILL");
      return running().exited;
    },
    freeze: () => running().signal("SIGSTOP"),
    thaw: () => running().signal("SIGCONT"),
    pid: () => running().pid,
    output: () => running().output(),
  };
}
