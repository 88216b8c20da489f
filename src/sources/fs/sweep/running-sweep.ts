/**
 * One sweep: hands shares of the watch to worker threads and their results back, until all were looked at.
 *
 * As many shares are under way as there are workers. A task takes 50 ms at most, unless its file system does not answer:
 * then nobody waits for it any longer than `HANG_MS`, and other shares of that file system are skipped until it answers.
 */
import type { NativeShare, NativeSweep, NativeSweepReport } from "../../../native/sweep.ts";
import type { SweepOutcome } from "../../../sdk/index.ts";
import { aborted } from "../aborted.ts";
import type { SweepPace } from "./sweep-pace.ts";
import type { SweepPools } from "./sweep-pools.ts";
import type { SweepTally } from "./sweep-tally.ts";

export const HANG_MS = 5000;
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

export class RunningSweep {
  readonly #parts: SweepParts;
  readonly #cancelled = new AbortController();
  readonly #flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #hanging = new Set<number>();
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
  }

  /** Resolves soon after `cancel`. When a worker failed it rejects, and none of the others has a task any more. */
  async run(): Promise<SweepOutcome> {
    const { sweep, tally, workers, isRootThere } = this.#parts;
    await this.#parts.pools.load();
    const ends = await Promise.allSettled(Array.from({ length: workers }, () => this.#workOrCancel()));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    if (this.#cancelled.signal.aborted) return "cancelled";
    if (this.#rootGone || !isRootThere()) return "cut short";
    if (!tally.hasSkipped) sweep.complete();
    return "complete";
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
    for (let share = this.#next(); share !== null; share = this.#next()) {
      const isSkipped = this.#hanging.has(share.device) || !(await this.#lookAt(share));
      if (isSkipped && !signal.aborted) this.#parts.tally.skip(share.looks);
      // Skipped shares come at once: others have their turn, too.
      if (isSkipped) await this.#parts.sleep(0, signal);
    }
  }

  #next(): NativeShare | null {
    return this.#cancelled.signal.aborted || this.#rootGone ? null : this.#parts.sweep.next();
  }

  /** False when its file system does not answer. */
  async #lookAt({ share, device, path }: NativeShare): Promise<boolean> {
    const { sweep, pools, pace, tally, sleep, noteCorruption } = this.#parts;
    const { signal } = this.#cancelled;
    for (let before: Uint8Array | null = null; !signal.aborted; ) {
      const task = pools.run(device, { share, before, cancel: this.#flag });
      const result = await this.#resultOf(task, device, path);
      if (result === undefined) return false;
      const report = sweep.apply(share, result);
      tally.add(report);
      if (report.corrupted > 0) noteCorruption(report);
      this.#rootGone ||= report.rootGone;
      await sleep(pace.charge(report.looks, report.readBytes), signal);
      if (this.#resumed !== undefined) await Promise.race([this.#resumed.promise, aborted(signal)]);
      if (report.done) return true;
      before = result;
    }
    return true;
  }

  /** Undefined when nobody waits for it any longer. */
  async #resultOf(task: Promise<Uint8Array>, device: number, path: string): Promise<Uint8Array | undefined> {
    const answered = new AbortController();
    const late = this.#isLate(answered.signal);
    const result = await Promise.race([task, late]).finally(() => answered.abort());
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

  async #isLate(answered: AbortSignal): Promise<undefined> {
    const { sleep } = this.#parts;
    await sleep(HANG_MS, AbortSignal.any([answered, this.#cancelled.signal]));
    // A task that was cancelled ends at once, if its file system lets it.
    if (!answered.aborted && this.#cancelled.signal.aborted) await sleep(STOP_MS, answered);
    return undefined;
  }
}
