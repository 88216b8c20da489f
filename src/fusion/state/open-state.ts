import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FustorError } from "../../sdk/errors.ts";
import type { Logger } from "../../sdk/observer.ts";
import type { FusionClock } from "../fusion-clock.ts";
import type { FusionConfig } from "../fusion-config.ts";
import type { FusionCore } from "../fusion-core.ts";
import { UnusableState } from "./frames.ts";
import { GatedLogger } from "./gated-logger.ts";
import { HeldClock } from "./held-clock.ts";
import { loadState, rulesOf, topologyOf } from "./load-state.ts";
import { StateFiles } from "./state-files.ts";
import { StateStore } from "./state-store.ts";

/** Null when another process holds it. */
export type LockState = (path: string) => { unlock(): void } | null;

export interface StateOptions {
  readonly folder: string;
  readonly config: FusionConfig;
  readonly clock: FusionClock;
  readonly logger: Logger;
  readonly makeCore: (clock: FusionClock, logger: Logger) => FusionCore;
  /** Against two Fusions in one folder. */
  readonly lock: LockState | undefined;
  readonly journalBytes?: number;
  readonly retryMs?: number;
  /** For tests: which start of the machine it is. */
  readonly boot?: string;
}

export interface KeptFusion {
  readonly core: FusionCore;
  readonly store: StateStore;
  /** After the last answer. */
  end(): Promise<void>;
}

const JOURNAL_BYTES = 67_108_864;
const RETRY_MS = 30_000;

/**
 * A core with what an earlier run left in the folder, and the store that keeps it. What cannot be used costs one
 * warning and an empty core.
 *
 * @throws FustorError FUSTOR_CONFIG_INVALID when the folder cannot be used, or is another Fusion's.
 */
export async function openState(options: StateOptions): Promise<KeptFusion> {
  const held = takeFolder(options);
  try {
    const opened = await load(options, new StateFiles(options.folder));
    const end = async (): Promise<void> => {
      await opened.store.end();
      held?.unlock();
    };
    return { ...opened, end };
  } catch (error) {
    held?.unlock();
    throw unusable(error, options.folder);
  }
}

function takeFolder({ folder, lock }: StateOptions): ReturnType<LockState> | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const held = lock?.(join(folder, "lock"));
    if (held !== null) return held;
  } catch (error) {
    throw unusable(error, folder);
  }
  const message = `state_dir ${folder} is in use by another Fusion: stop it, or name another folder`;
  throw new FustorError("FUSTOR_CONFIG_INVALID", message);
}

function unusable(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof FustorError || code === undefined) return error;
  const message = `state_dir ${folder} cannot be used (${code}): check its permissions and its disk`;
  return new FustorError("FUSTOR_CONFIG_INVALID", message, { cause: error });
}

async function load(options: StateOptions, files: StateFiles): Promise<Pick<KeptFusion, "core" | "store">> {
  const { config, logger, makeCore } = options;
  const ground = { boot: options.boot ?? bootId(), topology: topologyOf(config), rules: rulesOf(config) };
  const make = (): { clock: HeldClock; core: FusionCore; gate: GatedLogger } => {
    const clock = new HeldClock(options.clock);
    const gate = new GatedLogger(logger);
    return { clock, gate, core: makeCore(clock, gate) };
  };
  let made = make();
  const began = performance.now();
  const loaded = await loadState(files, made.core, made.clock, ground).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    const why = error instanceof UnusableState ? error.message : "it is damaged";
    logger.warn({ state_dir: files.folder }, `the state of the earlier run is not used: ${why}; views start empty`);
    made = make();
    files.removeAll();
    return undefined;
  });
  made.gate.open = true;
  const { journalBytes = JOURNAL_BYTES, retryMs = RETRY_MS } = options;
  const parts = { files, core: made.core, clock: made.clock, logger, ground, journalBytes, retryMs };
  if (loaded === undefined) return { core: made.core, store: await StateStore.begin(parts) };
  const entries = [...made.core.views.values()].reduce((sum, view) => sum + view.arbitration.tree.entries - 1, 0);
  const ms = Math.round(performance.now() - began);
  logger.info({ entries, sessions: made.core.everySession().length, commands: loaded.commands, ms }, "state read");
  return { core: made.core, store: await StateStore.goOn(parts, loaded.next, loaded.commands) };
}

/** Differs after each start of the machine. */
const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
