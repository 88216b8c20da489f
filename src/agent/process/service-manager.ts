/**
 * What systemd learns of an agent that it started with `Type=notify`: that it is up, what it does, that it ends, and,
 * with `WatchdogSec`, that it still works. The protocol is that of sd_notify(3). Without its socket in the environment
 * nothing is sent.
 */
import { loadAddon } from "../../native/load.ts";
import { describeError, type Logger } from "../../sdk/index.ts";

export interface ServiceEnvironment {
  NOTIFY_SOCKET?: string | undefined;
  WATCHDOG_USEC?: string | undefined;
  WATCHDOG_PID?: string | undefined;
}

export interface ServiceManagerOptions {
  /** Its variables are removed: what the agent starts is not the service. */
  readonly environment: ServiceEnvironment;
  readonly logger: Logger;
  readonly pid?: number;
  readonly send?: (socket: string, text: string) => void;
  readonly every?: (ms: number, run: () => void) => { dispose(): void };
}

const loop = (ms: number, run: () => void): { dispose(): void } => {
  const timer = setInterval(run, ms).unref();
  return { dispose: () => clearInterval(timer) };
};

/** Milliseconds between two signs of life: half of what systemd waits. Undefined: it does not wait for any. */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: ServiceEnvironment, pid: number): number | undefined {
  const bound = Number(WATCHDOG_USEC) / 1000;
  const isForUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === pid;
  return isForUs && bound >= 2 ? Math.floor(bound / 2) : undefined;
}

export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  readonly #logger: Logger;
  readonly #send: NonNullable<ServiceManagerOptions["send"]>;
  readonly #every: NonNullable<ServiceManagerOptions["every"]>;
  #signs: { dispose(): void } | undefined;
  #hasFailed = false;

  constructor({ environment, logger, pid = process.pid, send, every = loop }: ServiceManagerOptions) {
    this.#socket = environment.NOTIFY_SOCKET === "" ? undefined : environment.NOTIFY_SOCKET;
    this.#watchdogMs = this.#socket === undefined ? undefined : watchdogMs(environment, pid);
    this.#logger = logger;
    this.#send = send ?? ((socket, text) => loadAddon().notifySocket(socket, text));
    this.#every = every;
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const) delete environment[name];
  }

  /**
   * `look` asks every part that could hang what it does and returns one line of it for people. A sign of life goes out
   * when it has returned: a loop or an engine that is stuck sends none, and systemd starts the agent anew.
   */
  ready(look: () => string): void {
    this.#notify("READY=1", ...this.#seen(look));
    if (this.#watchdogMs === undefined) return;
    this.#signs ??= this.#every(this.#watchdogMs, () => {
      const seen = this.#seen(look);
      if (seen.length > 0) this.#notify(...seen, "WATCHDOG=1");
    });
  }

  /** Nothing when the look failed. */
  #seen(look: () => string): readonly string[] {
    try {
      return [`STATUS=${look()}`];
    } catch (error) {
      this.#logger.error({ err: error }, "systemd gets no sign of life: the agent cannot say what it does");
      return [];
    }
  }

  /** The signs of life go on until the process ends: an end that hangs is cut short, too. */
  stopping(): void {
    this.#notify("STOPPING=1", "STATUS=stopping");
  }

  dispose(): void {
    this.#signs?.dispose();
    this.#signs = undefined;
  }

  #notify(...lines: readonly string[]): void {
    if (this.#socket === undefined) return;
    try {
      this.#send(this.#socket, lines.map((line) => line.replace(/\n/g, " ")).join("\n"));
    } catch (error) {
      if (!this.#hasFailed) this.#logger.warn({}, `systemd does not hear of the agent: ${describeError(error)}`);
      this.#hasFailed = true;
    }
  }
}
