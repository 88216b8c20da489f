/**
 * The worker threads of sweeps: a Piscina pool for each file system, so that one that does not answer holds up its own
 * threads alone.
 *
 * A worker runs the addon's `sweepTask` itself, without JavaScript in between. Its thread cannot be ended while a file
 * system holds it: such a one is left behind, and counted, because Node's own end would wait for it.
 */
import type { Piscina } from "piscina";
import { threadHeld, threadReleased } from "../../../native/held-threads.ts";
import { findAddon } from "../../../native/load.ts";
import type { SweepTask } from "../../../native/sweep.ts";

const IDLE_MS = 1000;

export class SweepPools {
  readonly #workers: number;
  readonly #pools = new Map<number, Piscina>();
  #piscina: typeof Piscina | undefined;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Before the first task: an agent that never sweeps does not load Piscina. */
  async load(): Promise<void> {
    this.#piscina = (await import("piscina")).Piscina;
  }

  /** Resolves with the task's result, when its file system has answered. */
  run(device: number, task: SweepTask): Promise<Uint8Array> {
    return this.#poolOf(device).run(task) as Promise<Uint8Array>;
  }

  /** A task on this file system is not waited for any longer. */
  giveUp(device: number, task: Promise<unknown>): void {
    threadHeld();
    const pool = this.#pools.get(device);
    this.#pools.delete(device);
    const release = (): void => {
      threadReleased();
      void pool?.destroy();
    };
    void task.then(release, release);
  }

  /** Ends the threads. Without tasks that run, within moments. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #poolOf(device: number): Piscina {
    const known = this.#pools.get(device);
    if (known !== undefined) return known;
    if (this.#piscina === undefined) throw new Error("a task of a sweep before its pools were loaded");
    const pool = new this.#piscina({
      filename: findAddon().file,
      name: "sweepTask",
      minThreads: 0,
      maxThreads: this.#workers,
      idleTimeout: IDLE_MS,
      recordTiming: false,
    });
    this.#pools.set(device, pool);
    return pool;
  }
}
