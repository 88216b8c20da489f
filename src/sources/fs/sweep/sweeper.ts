/**
 * The sweeps of one source: when they begin, what is known of them, and what a user may do with them.
 *
 * A sweep compares what is there with what the watch knows, so that it finds what no kernel event told: what another
 * machine changed, a write through a second mount, and in the mode `hash` contents that changed under the same times.
 */
import type { NativeSweepReport } from "../../../native/sweep.ts";
import type { NativeWatch } from "../../../native/watch.ts";
import {
  describeError,
  type EndedSweep,
  type Logger,
  omitUndefined,
  type SweepCommand,
  type SweepFacts,
  type SweepMode,
} from "../../../sdk/index.ts";
import { sleep } from "../sleep.ts";
import { RunningSweep } from "./running-sweep.ts";
import type { SweepOptions } from "./sweep-options.ts";
import { rotatingLimits, type SweepLimits, SweepPace } from "./sweep-pace.ts";
import { SweepPools } from "./sweep-pools.ts";
import { latest, SweepTally, type TalliedProgress } from "./sweep-tally.ts";

const LOOK_MS = 60_000;
const RETRY_MS = 1000;

export interface SweepStatus extends SweepFacts {
  readonly progress?: TalliedProgress;
  /** Wire paths of directories whose file system does not answer the sweep. */
  readonly unanswered: readonly string[];
}

interface Current {
  readonly sweep: RunningSweep;
  readonly tally: SweepTally;
}

export class Sweeper {
  readonly #watch: NativeWatch;
  readonly #options: SweepOptions;
  readonly #logger: Logger;
  readonly #root: string;
  readonly #closed = new AbortController();
  #running: Current | undefined;
  #ended: Promise<void> = Promise.resolve();
  #number = 0;
  #last: EndedSweep | undefined;
  #corrupted = 0;
  #corruptedPaths: readonly string[] = [];
  readonly #unanswered = new Map<number, string>();

  constructor(root: string, watch: NativeWatch, options: SweepOptions, logger: Logger) {
    this.#root = root;
    this.#watch = watch;
    this.#options = options;
    this.#logger = logger;
  }

  /** Begins to sweep by itself, if it is to. */
  begin(): void {
    if (this.#options.intervalMs > 0) void this.#rotate();
  }

  /** False when there is nothing to do it to: a sweep runs already, or none does. */
  command(command: SweepCommand): boolean {
    const { sweep } = this.#running ?? {};
    if (command.kind === "start") return this.#start(command.mode ?? this.#options.mode, this.#options);
    if (sweep === undefined) return false;
    sweep[command.kind]();
    return true;
  }

  status(): SweepStatus {
    const running = this.#running;
    return omitUndefined({
      state: running === undefined ? "idle" : running.sweep.isPaused ? "paused" : "running",
      number: this.#number,
      progress: running?.tally.progress(),
      last: this.#last,
      corrupted: this.#corrupted,
      corruptedPaths: this.#corruptedPaths,
      unanswered: [...this.#unanswered.values()],
    } as const);
  }

  /** Sentences for people. */
  notes(): readonly string[] {
    const paths = this.#corruptedPaths.slice(0, 3).join(", ");
    const corrupted = `${this.#corrupted} files have other contents under unchanged times: ${paths}`;
    const unanswered = [...this.#unanswered.values()].map((path) => `${path} does not answer the sweep`);
    return [...(this.#corrupted > 0 ? [corrupted] : []), ...unanswered];
  }

  /** Waits for no file system. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#running?.sweep.cancel();
    await this.#ended;
  }

  async #rotate(): Promise<void> {
    const { signal } = this.#closed;
    const { intervalMs, mode } = this.#options;
    while (!signal.aborted) {
      const begunAt = performance.now();
      const begins = this.#start(mode, rotatingLimits(this.#options, this.#expected(mode), intervalMs));
      await this.#ended;
      // One that could not begin follows the one that a user asked for, or waits for the root.
      const nextAt = begins ? begunAt + intervalMs : 0;
      await sleep(Math.max(RETRY_MS, nextAt - performance.now()), signal);
    }
  }

  #isRootThere = (): boolean => this.#watch.rootState().root === "available";

  #expected(mode: SweepMode): number {
    const { entries, directories } = this.#watch.status();
    return mode === "names" ? directories : entries;
  }

  #start(mode: SweepMode, limits: SweepLimits): boolean {
    if (this.#running !== undefined || this.#closed.signal.aborted || !this.#isRootThere()) return false;
    const { digest, maxFileBytes, minAgeSec, recall, workers } = this.#options;
    const tally = new SweepTally(mode, this.#expected(mode), () => performance.now());
    const pools = new SweepPools(workers);
    const sweep = new RunningSweep({
      sweep: this.#watch.openSweep({ mode, digest, maxFileBytes, minAgeSec, recall }),
      ...{ pools, tally, workers, sleep },
      pace: new SweepPace(limits, () => performance.now()),
      isRootThere: this.#isRootThere,
      noteHang: (device, path) => this.#noteHang(device, path),
      noteCorruption: (report) => this.#noteCorruption(report),
    });
    this.#running = { sweep, tally };
    this.#number++;
    this.#ended = this.#run(sweep, tally, pools);
    return true;
  }

  async #run(sweep: RunningSweep, tally: SweepTally, pools: SweepPools): Promise<void> {
    const root = this.#root;
    this.#logger.info({ root, mode: tally.mode }, "a sweep begins");
    const over = new AbortController();
    void this.#logProgress(tally, over.signal);
    try {
      this.#last = tally.ended(await sweep.run());
    } catch (error) {
      this.#last = tally.ended("cut short");
      this.#logger.warn({ root }, `a worker of the sweep failed: ${describeError(error)}`);
    }
    over.abort();
    await pools.close();
    this.#running = undefined;
    this.#logger.info({ root, ...this.#last }, `a sweep is ${this.#last.outcome}`);
  }

  async #logProgress(tally: SweepTally, over: AbortSignal): Promise<void> {
    for (await sleep(LOOK_MS, over); !over.aborted; await sleep(LOOK_MS, over)) {
      this.#logger.info({ root: this.#root, ...tally.progress() }, "a sweep goes on");
    }
  }

  #noteHang(device: number, path: string | undefined): void {
    const root = this.#root;
    if (path !== undefined) this.#logger.warn({ root }, `${path} does not answer the sweep, which goes on without it`);
    else this.#logger.info({ root }, `${this.#unanswered.get(device)} answers the sweep again`);
    if (path !== undefined) this.#unanswered.set(device, path);
    else this.#unanswered.delete(device);
  }

  #noteCorruption({ corrupted, corruptedPaths: paths }: NativeSweepReport): void {
    this.#corrupted += corrupted;
    this.#corruptedPaths = latest(paths, this.#corruptedPaths);
    this.#logger.error(
      { root: this.#root, corrupted, paths },
      "files have other contents under the same inode, size and times: bit rot, or a change that hides itself",
    );
  }
}
