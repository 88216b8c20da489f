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
  /** The embedded Fusion keeps its state there, below its home. Default: nowhere. */
  readonly stateDir?: string;
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
  readonly home: string;
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

/** A pipe into a view of its own, with keys of its own. */
interface Seat {
  readonly pipeId: string;
  readonly viewId: string;
  readonly pushKey: string;
  readonly viewKey: string;
  readonly options: FusionOptions;
}

interface Ports {
  readonly view: number;
  readonly receiver: number;
}

const START_TIMEOUT_MS = 60_000;

/** Pipe and view have different names on purpose: Fusion confuses them when it can. Random keys: only this very process is taken for it. */
const seatFor = (options: FusionOptions, at: number): Seat => ({
  pipeId: `pipe-${at + 1}`,
  viewId: at === 0 ? "unified-view" : `unified-view-${at + 1}`,
  pushKey: `push-${randomUUID()}`,
  viewKey: `read-${randomUUID()}`,
  options,
});

function configText(ports: Ports, seats: readonly Seat[]): string {
  const keys = seats.map(({ pushKey, pipeId }) => `{key: ${pushKey}, pipe_id: ${pipeId}}`);
  const view = ({ viewId, viewKey }: Seat): string => `  ${viewId}:
    driver: fs
    api_keys: [${viewKey}]
    driver_params: {hot_file_threshold: 10, max_tree_items: 0}
`;
  const pipe = ({ pipeId, viewId, options }: Seat): string => `  ${pipeId}:
    receiver: http-receiver
    views: [${viewId}]
    audit_interval_sec: ${options.auditIntervalSeconds ?? 0}
    sentinel_interval_sec: ${options.sentinelIntervalSeconds ?? 0}
    session_timeout_seconds: ${options.sessionTimeoutSeconds ?? 30}
    allow_concurrent_push: true
`;
  const stateDir = seats[0]?.options.stateDir;
  return `host: 127.0.0.1
port: ${ports.view}
${stateDir === undefined ? "" : `state_dir: ${stateDir}\n`}session_cleanup_interval: 1
receivers:
  http-receiver:
    driver: http
    bind_host: 127.0.0.1
    port: ${ports.receiver}
    api_keys: [${keys.join(", ")}]
views:
${seats.map(view).join("")}pipes:
${seats.map(pipe).join("")}`;
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

/** Not started yet. */
export async function createFusionProcess(run: FusionCommand, options: FusionOptions = {}): Promise<FusionProcess> {
  const home = createTempFolder(`${run.kind}-fusion`);
  const [only] = await createFusionSeats(run, [options], { home, ports: options.ports, endsWithTest: true });
  if (only === undefined) throw new Error("unreachable: there is one seat for each option");
  return only;
}

export interface HostOptions {
  readonly home: string;
  /** Default: free ones. */
  readonly ports?: Ports | undefined;
  /** Killed with the other children of a test. */
  readonly endsWithTest: boolean;
}

/** One process with a pipe, a view and keys for each of the options; whatever is done to one of them is done to all. Not started yet. */
export async function createFusionSeats(
  run: FusionCommand,
  options: readonly FusionOptions[],
  { home, ports, endsWithTest }: HostOptions,
): Promise<FusionProcess[]> {
  const [freeView = 0, freeReceiver = 0] = await freePorts(2);
  const { view: viewPort, receiver: receiverPort } = ports ?? { view: freeView, receiver: freeReceiver };
  const seats = options.map(seatFor);
  mkdirSync(join(home, "fusion-config"));
  writeFileSync(
    join(home, "fusion-config/default.yaml"),
    configText({ view: viewPort, receiver: receiverPort }, seats),
  );
  const receiverUrl = `http://127.0.0.1:${receiverPort}`;
  const viewUrl = `http://127.0.0.1:${viewPort}`;
  let child: Child | undefined;
  const running = (): Child => {
    if (child === undefined) throw new Error("this Fusion was never started");
    return child;
  };
  const isUp = async (): Promise<boolean> => {
    if (running().exit() !== undefined) throw new Error(`Fusion ended at once:\n${running().output()}`);
    const [seat] = seats;
    if (seat === undefined || !(await answers(`${receiverUrl}/api/v1/pipe/session/`, seat.pushKey))) return false;
    return answers(`${viewUrl}/api/v1/views/${seat.viewId}/sessions`, seat.viewKey);
  };
  const host = {
    kind: run.kind,
    viewUrl,
    home,
    async start() {
      const how = { command: run.command, args: run.args, env: { FUSTOR_HOME: home }, cwd: home, endsWithTest };
      child = startChild(how);
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
  return seats.map(({ pushKey, pipeId, viewId, viewKey }) => ({
    ...host,
    viewKey,
    receiver: { url: receiverUrl, pushKey, pipeId },
    view: createViewClient({ url: viewUrl, viewId, key: viewKey }),
  }));
}
