/** What a running pipe holds: its share of the source, its sender, its files, and itself; how it is made and ended. */
import { join } from "node:path";
import type { BusLease, BusPool } from "../bus/bus-pool.ts";
import { homePaths } from "../config/home.ts";
import type { AgentConfig, PipeConfig, SenderConfig } from "../config/model.ts";
import { loadAddon } from "../native/load.ts";
import { Pipe } from "../pipe/pipe.ts";
import type { Ambience, PipeParts, PipeSettings, PoisonRow, StopOptions } from "../pipe/pipe-options.ts";
import type { CompileMapping } from "../pipe/row-program.ts";
import { type Logger, omitUndefined, type SenderDriver, type SenderDriverContext } from "../sdk/index.ts";
import type { OpenPipeStore, StateStore } from "../sdk/state-store.ts";
import type { AgentObserver } from "./agent-observer.ts";
import type { DescriptorBudget } from "./descriptor-budget.ts";
import { excludedPaths } from "./own-files.ts";
import type { PipeTarget } from "./reload/reload-plan.ts";
import { rowsSignature, sourceSignature } from "./source-signature.ts";
import { DeadLetterFile } from "./state/dead-letter-file.ts";
import { driverFiles } from "./state/driver-folder.ts";
import { fileNameOf } from "./state/file-name.ts";

export interface ManagedPipeContext {
  readonly config: AgentConfig;
  readonly agentId: string;
  readonly pool: BusPool;
  readonly state: StateStore;
  readonly logger: Logger;
  readonly ambience: Ambience;
  readonly descriptors: DescriptorBudget;
  readonly observer?: AgentObserver;
}

export interface RunningPipe {
  readonly lease: BusLease;
  readonly sender: SenderDriver;
  readonly pipe: Pipe;
  readonly store: OpenPipeStore;
  readonly deadLetter: DeadLetterFile;
}

/** The sender before the source: a source whose sender cannot be made is not opened. Nothing is left when it throws. */
export async function makeRunningPipe(
  target: PipeTarget,
  context: ManagedPipeContext,
  logger: Logger,
): Promise<RunningPipe> {
  const { config, agentId, state, ambience } = context;
  const { id } = target.pipe;
  const to = target.sender;
  const files = driverFiles(config.home, { driver: `sender-${to.driver}`, address: `${id}:${to.uri}` });
  const sender = await createSender(target, { logger, files });
  try {
    const store = state.pipeStoreOf(id, to.uri, rowsSignature(target.source, target.pipe));
    const lease = await leaseSource(target, context);
    const path = deadLetterPath(config, id);
    const deadLetter = new DeadLetterFile({ path, logger, wallClock: ambience.wallClock });
    const onPoison = (row: PoisonRow): void => deadLetter.add(row);
    const { source, bus } = lease;
    const settings = pipeSettings(target.pipe, to, agentId);
    const parts = { settings, source, sender, bus, store, logger, ambience, compileMapping, onPoison };
    const pipe = new Pipe({ ...parts, ...observed(id, context.observer) });
    return { lease, sender, pipe, store, deadLetter };
  } catch (error) {
    await sender.close();
    throw error;
  }
}

const observed = (id: string, observer: AgentObserver | undefined): Pick<PipeParts, "onTaken" | "onState"> =>
  observer === undefined
    ? {}
    : {
        onTaken: (changes) => observer.onTaken(id, changes),
        onState: (state, info) => observer.onPipeState(id, state, info),
      };

/** In this order; a step that fails must not keep the others from being taken. */
export const stepsToEnd = (
  { pipe, sender, store, deadLetter, lease }: RunningPipe,
  options: StopOptions,
): readonly { readonly what: string; readonly end: () => Promise<void> }[] => [
  { what: "the pipe", end: () => pipe.stop(options) },
  { what: "the sender", end: () => sender.close() },
  { what: "the journal of deleted keys", end: () => store.close() },
  { what: "the dead letters", end: () => deadLetter.close() },
  { what: "the source", end: () => lease.release() },
];

export const deadLetterPath = ({ home, configDir }: AgentConfig, pipeId: string): string =>
  join(homePaths(home, configDir).deadLetterDir, `${fileNameOf(pipeId)}.jsonl`);

const compileMapping: CompileMapping = (steps) => loadAddon().createRowMapper(steps);

function createSender(
  { drivers, sender }: PipeTarget,
  context: Omit<SenderDriverContext, "id">,
): Promise<SenderDriver> {
  const { id, driver, uri, credential, timeoutMs, driverParams: params } = sender;
  const settings = omitUndefined({ uri, credential, timeoutMs, params });
  return drivers.requireSender(driver).create({ id, ...context }, settings);
}

/** Pipes of one source share it: the source is made when the first of them asks for it. */
async function leaseSource({ source, drivers }: PipeTarget, context: ManagedPipeContext): Promise<BusLease> {
  const { config, pool, state } = context;
  const { id, driver, uri, credential, driverParams: params } = source;
  const logger = context.logger.child({ source: id });
  const excludePaths = await excludedPaths(config, uri);
  const indexPath = await state.indexPathOf(id);
  const store = state.sourceStoreOf(`${driver}:${uri}`);
  const files = driverFiles(config.home, { driver: `source-${driver}`, address: uri });
  const settings = omitUndefined({ uri, credential, params, excludePaths });
  const own = omitUndefined({ id, logger, store, files, indexPath });
  const create = () => drivers.requireSource(driver).create(own, settings);
  const limits = { maxChanges: source.maxQueueEvents, maxBytes: source.maxQueueBytes };
  return pool.acquire(sourceSignature(source), create, limits);
}

/** What a pipe says itself goes as it is; the rest is the sender's. */
const pipeSettings = (pipe: PipeConfig, sender: SenderConfig, agentId: string): PipeSettings => ({
  ...pipe,
  taskId: `${agentId}:${pipe.id}`,
  batchEvents: pipe.batchEvents ?? sender.batchEvents,
  eventRows: sender.eventRows,
  batchBytes: sender.batchBytes,
});
