/**
 * One agent process from lock to unlock: the home's lock, the log, the agent, its control socket and the status page.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { keepHistory } from "../admin/history.ts";
import { socketListener } from "../admin/socket-listener.ts";
import { type Agent, createAgent } from "../agent/agent.ts";
import { startControlServer } from "../agent/control/control-server.ts";
import { pipeStates } from "../agent/pipe-lines.ts";
import { endProcess } from "../agent/process/end-process.ts";
import { watchHome } from "../agent/process/home-watch.ts";
import { acquireInstance } from "../agent/process/instance-lock.ts";
import { lockFile } from "../agent/process/native-lock.ts";
import { ServiceManager } from "../agent/process/service-manager.ts";
import { holdSpareDescriptors } from "../agent/process/spare-descriptors.ts";
import { redirectOutput } from "../agent/process/standard-output.ts";
import type { AgentPlan } from "../agent/reload/reload-plan.ts";
import type { FreshPlan } from "../agent/reload/reloader.ts";
import type { StartReport } from "../agent/start-report.ts";
import { sweepTemporaries } from "../agent/state/durable-file.ts";
import { ensureHome, homePaths } from "../config/home.ts";
import type { AgentConfig, ConsoleConfig, PipeConfig } from "../config/model.ts";
import { type ConsoleOptions, type ConsoleServer, startConsole } from "../console/console-server.ts";
import { makeConsoleToken } from "../console/console-token.ts";
import { describeError } from "../sdk/index.ts";
import { agentVersion } from "../sdk/version.ts";
import { type AgentLogger, createLogger } from "../telemetry/logger.ts";
import { type AdminMemory, adminMemory, adminPort } from "./admin-port.ts";
import { consoleSettings } from "./console-settings.ts";
import { DriverFaults } from "./driver-faults.ts";
import { EXIT } from "./exit-codes.ts";
import { listenForWishes, stopWish } from "./wishes.ts";

/**
 * How long what is queued may still be sent. Closing sessions and sources takes 3 s at most on top: docker kills after
 * 10 s, `stop` after 15 s, and everything has to be over by then.
 */
const DRAIN_MS = 6_000;
/** For the whole end, the agent's included. */
const END_MS = 9_500;

export interface RunOptions {
  readonly config: AgentConfig;
  readonly pipes: readonly PipeConfig[];
  /** The configuration and the same choice of pipes as they are now; throws what `loadConfig` throws. */
  readonly replan: () => Promise<FreshPlan>;
  /** Configuration and pipes that a name stands for now; from then on they belong to every plan. Throws as `replan`. */
  readonly planOf: (name: string) => Promise<AgentPlan>;
  readonly wish: (pipe: string, runs: boolean) => void;
  readonly verbose: boolean;
  /** Standard output and standard error are the log, and follow it to its next file. */
  readonly isDaemon?: boolean;
  /** Gets log lines beside the log file, in the form that the configuration chooses. */
  readonly stdout?: NodeJS.WritableStream;
  /** Called once, when every pipe runs or failed. */
  onStarted(report: StartReport): void;
}

async function openLog(
  { config, verbose, stdout, isDaemon }: RunOptions,
  { journal }: AdminMemory,
): Promise<AgentLogger> {
  const { dir, level, maxBytes, keepFiles, stdout: stdoutForm } = config.logging;
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch(() => undefined);
  const { logFile } = homePaths(config.home, config.configDir, dir);
  return createLogger({
    level: verbose ? "debug" : level,
    file: logFile,
    bounds: { maxBytes, keepFiles },
    onLine: (line) => journal.append("log", line.trimEnd()),
    ...(isDaemon === true ? { onFileOpened: redirectOutput } : {}),
    ...(stdout === undefined ? {} : { stdout, stdoutForm: stdoutForm === "json" ? "json" : "compact" }),
  });
}

interface Living {
  readonly agent: Agent;
  readonly service: ServiceManager;
  readonly logger: AgentLogger;
  readonly wish: Promise<string>;
}

async function live({ agent, service, logger, wish }: Living, options: RunOptions): Promise<number> {
  const report = await Promise.race([agent.start(), wish.then(() => undefined)]);
  if (report !== undefined) {
    for (const { pipe, reason } of report.failed) logger.error({ pipe, reason }, "not started");
    options.onStarted(report);
    if (report.started.length === 0) return EXIT.failure;
    service.ready(() => pipeStates(agent.status().pipes));
  }
  logger.info({ reason: await wish }, "stopping");
  service.stopping();
  return EXIT.done;
}

/** Drivers that a later configuration names are loaded by then, also when the configuration is refused. */
const noted = <P>(plan: Promise<P>, faults: DriverFaults): Promise<P> => plan.finally(() => faults.listen());

/** The page with a token of its own; a home that takes no files costs the page and nothing else. */
async function openConsole(
  home: string,
  place: ConsoleConfig,
  options: Pick<ConsoleOptions, "admin" | "isPressed" | "logger">,
): Promise<ConsoleServer> {
  try {
    const token = await makeConsoleToken(homePaths(home).consoleToken, place.token);
    const { maxBacklogAgeMs, readOnly: isReadOnly } = place;
    const page = await startConsole({ ...options, place, maxBacklogAgeMs, isReadOnly, token: token.text });
    return { ...page, close: () => page.close().then(token.dispose) };
  } catch (error) {
    const reason = describeError(error);
    options.logger.warn({}, `the status page is not there: ${reason}`);
    return { state: { state: "failed", reason }, shed: () => undefined, close: async () => undefined };
  }
}

/** Throws FUSTOR_AGENT_RUNNING when another agent has the home. Resolves with the exit code, everything closed. */
export async function runAgent(options: RunOptions): Promise<number> {
  const { config } = options;
  const place = consoleSettings(config.console, process.env);
  await ensureHome(config.home);
  const lock = await acquireInstance(config.home, lockFile);
  const { stateDir } = homePaths(config.home);
  await sweepTemporaries([config.home, config.configDir, stateDir, join(stateDir, "deleted")]);
  const memory = adminMemory();
  const logger = await openLog(options, memory);
  const service = new ServiceManager({ environment: process.env, logger });
  const faults = new DriverFaults(logger);
  faults.listen();
  const stopper = stopWish(logger);
  let reload = (): void => logger.warn({}, "too early to reload: the agent is not up yet");
  const stopListening = listenForWishes({
    onClosed: () => stopper.request("the terminal was closed"),
    onReload: () => reload(),
    onReopenLog: () => logger.reopen(),
  });
  const closers: (() => Promise<void>)[] = [lock.release];
  let lost = false;
  try {
    logger.info({ version: agentVersion, home: config.home, files: config.files }, "starting");
    let page: ConsoleServer | undefined;
    const spares = holdSpareDescriptors(logger, () => page?.shed());
    closers.unshift(async () => spares.close());
    const agent = await createAgent({
      config,
      pipes: options.pipes,
      logger,
      consoleState: () => page?.state ?? { state: "off" },
      descriptors: spares.state,
      observer: memory.observer,
    });
    const admin = adminPort({
      agent,
      memory,
      logger,
      config,
      drainMs: DRAIN_MS,
      replan: () => noted(options.replan(), faults),
      planOf: (name) => noted(options.planOf(name), faults),
      wish: options.wish,
      requestStop: () => stopper.request("stop command"),
    });
    reload = () => void admin.reload();
    const forget = keepHistory(memory.history, admin.status);
    closers.unshift(async () => forget());
    const control = await startControlServer(config.home, socketListener({ port: admin, logger }));
    closers.unshift(control.close);
    const onLost = (why: string): void => {
      lost = true;
      // The log may have gone with the home.
      process.stderr.write(`fustor-agent: ${why}: stopping\n`);
      stopper.request(why);
    };
    closers.unshift(watchHome({ home: config.home, lock, restoreSocket: control.restore, logger, onLost }));
    if (place !== undefined) {
      const isPressed = (): boolean => spares.state().exhausted;
      page = await openConsole(config.home, place, { admin, isPressed, logger });
      closers.unshift(page.close);
    }
    closers.unshift(() => agent.stop(DRAIN_MS));
    const code = await live({ agent, service, logger, wish: stopper.wish }, options);
    return lost ? EXIT.failure : code;
  } finally {
    const late = setTimeout(() => {
      logger.error({}, `not ended after ${END_MS / 1000} s: the process ends all the same`);
      endProcess(EXIT.failure);
    }, END_MS);
    for (const close of closers) await close();
    clearTimeout(late);
    stopListening();
    stopper.dispose();
    faults.dispose();
    service.dispose();
    logger.info({}, "stopped");
    logger.close();
  }
}
