/**
 * Proves from time to time that a write in the root becomes an event: a watch that has gone deaf looks like a tree
 * where nothing happens.
 *
 * A file is made in the root and removed again, and the engine counts the events of its name. None in time means that
 * others may be missing, too: the tree is listed again. The root's own modification time moves with it.
 */
import { randomBytes } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { NativeWatch, WatchStatus } from "../../native/watch.ts";
import { describeError, type Logger, omitUndefined } from "../../sdk/index.ts";

export const CANARY_PREFIX = ".fustor-canary-";

const PATIENCE_MS = 5000;
const LOOK_MS = 10;

export interface CanaryStatus {
  /** Files that were made. */
  readonly sent: number;
  /** Of these, without an event in time. */
  readonly missed: number;
  /** Milliseconds since an event last came; absent before the first. */
  readonly lastSeenAgoMs?: number;
  /** Why no file can be made at the moment. */
  readonly trouble?: string;
}

type Watched = Pick<NativeWatch, "rootState" | "resync"> & { status(): Pick<WatchStatus, "engines"> };

export class Canary {
  readonly #root: string;
  readonly #watch: Watched;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #sent = 0;
  #missed = 0;
  #seenAt: number | undefined;
  #trouble: string | undefined;

  /** Begins at once, and sends the first file after one interval. */
  constructor(root: string, intervalMs: number, watch: Watched, logger: Logger) {
    this.#root = root;
    this.#watch = watch;
    this.#logger = logger;
    this.#running = this.#run(intervalMs);
  }

  status(): CanaryStatus {
    const seenAt = this.#seenAt;
    return omitUndefined({
      sent: this.#sent,
      missed: this.#missed,
      lastSeenAgoMs: seenAt === undefined ? undefined : Math.round(performance.now() - seenAt),
      trouble: this.#trouble,
    });
  }

  /** Resolves when no file of it is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(intervalMs: number): Promise<void> {
    while (await this.#sleep(intervalMs)) {
      if (this.#watch.rootState().root === "available" && this.#isWatched()) await this.#sing();
    }
  }

  /** Where nothing can be watched there is nothing to prove: everything is polled, and `status` says so. */
  #isWatched(): boolean {
    return this.#watch.status().engines.some(({ engine }) => engine !== "none");
  }

  async #sing(): Promise<void> {
    const path = join(this.#root, `${CANARY_PREFIX}${randomBytes(8).toString("hex")}`);
    const before = this.#watch.rootState().canaryEvents;
    try {
      await (await open(path, "wx", 0o600)).close();
      await unlink(path);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#trouble = undefined;
    this.#sent++;
    if (await this.#heard(before)) this.#seenAt = performance.now();
    else if (!this.#stopping.signal.aborted) this.#miss();
  }

  async #heard(before: number): Promise<boolean> {
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
      if (this.#watch.rootState().canaryEvents > before) return true;
      if (!(await this.#sleep(LOOK_MS))) return false;
    }
    return false;
  }

  #miss(): void {
    this.#missed++;
    this.#logger.error(
      { root: this.#root, missed: this.#missed },
      "a file written into the root caused no event: the tree is listed again",
    );
    this.#watch.resync("the canary was not heard");
  }

  #fail(error: unknown): void {
    const trouble = `no canary can be written into the root: ${describeError(error)}`;
    if (this.#trouble !== trouble) this.#logger.warn({ root: this.#root }, trouble);
    this.#trouble = trouble;
  }

  /** False when it was stopped meanwhile. */
  async #sleep(ms: number): Promise<boolean> {
    const { signal } = this.#stopping;
    return pause(ms, true, { signal, ref: false }).catch(() => false);
  }
}
