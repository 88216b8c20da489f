/**
 * One sweep: hands shares of the watch to worker threads and their results back, until all were looked at.
 *
 * As many shares are under way as there are workers. A task takes 50 ms at most, unless its file system is slow. When that
 * has not answered at all for `HANG_MS`, the sweep does not wait for it any longer, and skips other shares of that file
 * system until it answers. A file that is fetched from a tape has `RECALL_MS`.
 */
import { type NativeShare, type NativeSweep, type NativeSweepReport, PULSE } from "../../../native/sweep.ts";
import type { SweepOutcome } from "../../../sdk/index.ts";
import { aborted } from "../aborted.ts";
import type { SweepPace } from "./sweep-pace.ts";
import type { SweepPools } from "./sweep-pools.ts";
import type { SweepTally } from "./sweep-tally.ts";

export const HANG_MS = 5000;
export const RECALL_MS = 3_600_000;
const STOP_MS = 500;

export interface SweepParts {
  readonly sweep: NativeSweep;
  readonly pools: SweepPools;
  readonly pace: SweepPace;
  readonly tally: SweepTally;
  readonly workers: number;
  /** Ends after so many milliseconds, or by the signal: it never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly isRootThere: () => boolean;
  /** A place that does not answer, or answers again. */
  readonly noteHang: (device: number, path: string | undefined) => void;
  readonly noteCorruption: (report: NativeSweepReport) => void;
}

const sharedWords = (length: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));

export class RunningSweep {
  readonly #parts: SweepParts;
  readonly #cancelled = new AbortController();
  readonly #flag = sharedWords(1);
  readonly #hanging = new Set<number>();
  /** One for each task that is waited for. (What `AbortSignal.any` makes of a signal that lives long is never freed.) */
  readonly #waits = new Set<AbortController>();
  #resumed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #rootGone = false;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  get isPaused(): boolean {
    return this.#resumed !== undefined;
  }

  pause(): void {
    if (this.#resumed !== undefined) return;
    this.#parts.tally.pause(true);
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.#resumed = { promise, resolve };
  }

  resume(): void {
    if (this.#resumed === undefined) return;
    this.#parts.tally.pause(false);
    this.#resumed.resolve();
    this.#resumed = undefined;
  }

  cancel(): void {
    Atomics.store(this.#flag, 0, 1);
    this.#cancelled.abort();
    for (const wait of this.#waits) wait.abort();
  }

  /** Resolves soon after `cancel`. When a worker failed it rejects, and none of the others has a task any more. */
  async run(): Promise<SweepOutcome> {
    const { workers, isRootThere, pools } = this.#parts;
    await pools.load();
    await this.#prune();
    const ends = await Promise.allSettled(Array.from({ length: workers }, () => this.#workOrCancel()));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    if (this.#cancelled.signal.aborted) return "cancelled";
    return this.#rootGone || !isRootThere() ? "cut short" : "complete";
  }

  /** Ahead of the sweep and not behind it, so that it happens also where every sweep is cut short. */
  async #prune(): Promise<void> {
    const { signal } = this.#cancelled;
    while (!signal.aborted && this.#parts.sweep.prune()) await this.#parts.sleep(0, signal);
  }

  async #workOrCancel(): Promise<void> {
    try {
      await this.#work();
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  async #work(): Promise<void> {
    const { signal } = this.#cancelled;
    for (let share = this.#next(); share !== undefined; share = this.#next()) {
      const isSkipped = this.#hanging.has(share.device) || !(await this.#lookAt(share));
      if (isSkipped && !signal.aborted) this.#parts.tally.skip(share.looks);
      // Skipped shares come at once: others have their turn, too.
      if (isSkipped) await this.#parts.sleep(0, signal);
    }
  }

  #next(): NativeShare | undefined {
    if (this.#cancelled.signal.aborted || this.#rootGone) return undefined;
    const next = this.#parts.sweep.next();
    this.#parts.tally.skip(next.missed);
    // It may be there again in a moment, but what is left is not looked at.
    this.#rootGone ||= next.kind === "unavailable";
    return next.kind === "share" ? next : undefined;
  }

  /** False when its file system does not answer. */
  async #lookAt({ share, device, path }: NativeShare): Promise<boolean> {
    const { sweep, pools, pace, tally, sleep, noteCorruption } = this.#parts;
    const { signal } = this.#cancelled;
    const pulse = sharedWords(PULSE.length);
    for (let before: Uint8Array | null = null; !signal.aborted; ) {
      const begunAt = performance.now();
      const task = pools.run(device, { share, before, cancel: this.#flag, pulse });
      const result = await this.#resultOf(task, pulse, device, path);
      if (result === undefined) return false;
      const report = sweep.apply(share, result);
      tally.add(report);
      if (report.corrupted > 0) noteCorruption(report);
      this.#rootGone ||= report.rootGone;
      await sleep(pace.charge(report, begunAt), signal);
      if (this.#resumed !== undefined) await Promise.race([this.#resumed.promise, aborted(signal)]);
      if (report.done) return true;
      before = result;
    }
    return true;
  }

  /** Undefined when nobody waits for it any longer. */
  async #resultOf(
    task: Promise<Uint8Array>,
    pulse: Int32Array,
    device: number,
    path: string,
  ): Promise<Uint8Array | undefined> {
    const wait = new AbortController();
    this.#waits.add(wait);
    const late = this.#isLate(pulse, wait.signal);
    const result = await Promise.race([task, late]).finally(() => {
      this.#waits.delete(wait);
      wait.abort();
    });
    if (result !== undefined) return result;
    this.#hanging.add(device);
    const { pools, noteHang } = this.#parts;
    pools.giveUp(device, task);
    noteHang(device, path);
    const note = (): void => {
      this.#hanging.delete(device);
      noteHang(device, undefined);
    };
    void task.then(note, note);
    return undefined;
  }

  /** Resolves when the task should have ended, or soon after the end of the wait. */
  async #isLate(pulse: Int32Array, over: AbortSignal): Promise<undefined> {
    const { sleep } = this.#parts;
    let steps: number;
    let quietMs = 0;
    do {
      steps = Atomics.load(pulse, PULSE.steps);
      await sleep(HANG_MS, over);
      quietMs = steps === Atomics.load(pulse, PULSE.steps) ? quietMs + HANG_MS : 0;
    } while (!over.aborted && quietMs < patienceWith(pulse));
    // A task that was cancelled ends at once, if its file system lets it.
    const { signal } = this.#cancelled;
    if (signal.aborted) await sleep(STOP_MS, new AbortController().signal);
    return undefined;
  }
}

const patienceWith = (pulse: Int32Array): number => (Atomics.load(pulse, PULSE.recalls) === 0 ? HANG_MS : RECALL_MS);
