/**
 * A pipe between a fake source and the embedded Fusion without HTTP, with the real bus and pump, and everything closed at
 * the end.
 */
import { afterEach, beforeEach, vi } from "vitest";
import { type BusLease, BusPool } from "../../src/bus/bus-pool.ts";
import { Pipe } from "../../src/pipe/pipe.ts";
import type { PipeParts, PipeSettings, PoisonRow } from "../../src/pipe/pipe-options.ts";
import { systemAmbience } from "../../src/pipe/system-ambience.ts";
import type { BusLimits } from "../../src/sdk/event-bus.ts";
import { silentLogger } from "../../src/sdk/index.ts";
import { CoreFusion, type CoreFusionOptions } from "./core-fusion.ts";
import { CoreSender } from "./core-sender.ts";
import { FakeSource, type FakeSourceOptions } from "./fake-source.ts";
import { FakeStore, testSettings } from "./fake-store.ts";
import { FaultySender } from "./faulty-sender.ts";

export interface HarnessOptions {
  readonly source?: FakeSourceOptions;
  readonly fusion?: CoreFusionOptions;
  readonly settings?: Partial<PipeSettings>;
  readonly bus?: BusLimits;
  readonly parts?: Partial<PipeParts>;
  /** Stands on the same source, driver and bus as this one. */
  readonly beside?: PipeHarness;
}

const open: PipeHarness[] = [];

/**
 * Time in these tests is virtual: a timer comes due when `until` or `elapse` moves the clock. So nothing depends on how
 * busy the machine is, and a pause of ten seconds costs nothing. Only setImmediate, which no fake clock moves, is real.
 */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(async () => {
  await during(Promise.all(open.splice(0).map((harness) => harness.close())));
  vi.useRealTimers();
});

const STEP_MS = 1;

/** Lets so much virtual time pass. */
export async function elapse(durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += STEP_MS) {
    await vi.advanceTimersByTimeAsync(STEP_MS);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

export class PipeHarness {
  readonly source: FakeSource;
  readonly fusion: CoreFusion;
  readonly receiver: CoreSender;
  /** Stands before the receiver. */
  readonly sender: FaultySender<CoreSender>;
  readonly store = new FakeStore();
  readonly poison: PoisonRow[] = [];
  readonly pool: BusPool;
  readonly #options: HarnessOptions;
  #lease: BusLease | undefined;
  #pipe: Pipe | undefined;

  constructor(options: HarnessOptions = {}) {
    this.#options = options;
    this.pool = options.beside?.pool ?? new BusPool(systemAmbience, silentLogger);
    this.source = options.beside?.source ?? new FakeSource(options.source);
    this.fusion = new CoreFusion(options.fusion);
    this.receiver = new CoreSender(this.fusion);
    this.sender = new FaultySender(this.receiver);
    open.push(this);
  }

  get pipe(): Pipe {
    if (this.#pipe === undefined) throw new Error("start the pipe first");
    return this.#pipe;
  }

  get lease(): BusLease {
    if (this.#lease === undefined) throw new Error("start the pipe first");
    return this.#lease;
  }

  async start(): Promise<Pipe> {
    const limits = this.#options.bus ?? { maxChanges: 100_000, maxBytes: 64 * 1024 * 1024 };
    this.#lease = await this.pool.acquire("fake", () => this.source, limits);
    this.#pipe = new Pipe({
      settings: { ...testSettings, ...this.#options.settings },
      source: this.source,
      sender: this.sender,
      bus: this.#lease.bus,
      store: this.store,
      logger: silentLogger,
      ambience: systemAmbience,
      onPoison: (row) => this.poison.push(row),
      ...this.#options.parts,
    });
    void this.#pipe.run();
    return this.#pipe;
  }

  /** The pipe and its source end and begin again, with what the store holds. */
  async restart(meanwhile: () => void = () => undefined): Promise<void> {
    await during(this.close());
    meanwhile();
    await this.start();
  }

  /** As Pipe.stop, while the clock goes on. */
  async stop(options: { deadlineMs?: number } = {}): Promise<void> {
    await during(this.pipe.stop(options));
  }

  async close(): Promise<void> {
    await this.#pipe?.stop({ deadlineMs: 0 });
    await this.#lease?.release();
  }

  /** What differs between the tree and Fusion's view; empty = equal. */
  differences(): string[] {
    const { tree } = this.source;
    const { view } = this.fusion;
    const found: string[] = [];
    for (const [path, row] of tree) {
      const node = view.get(path);
      if (node === undefined) found.push(`missing ${path}`);
      else if (
        node.modifiedTime !== row.modified_time ||
        node.size !== row.size ||
        node.isDirectory !== row.is_directory
      ) {
        found.push(`${path}: ${JSON.stringify(node)} instead of ${JSON.stringify(row)}`);
      }
    }
    for (const path of view.keys()) if (!tree.has(path)) found.push(`ghost ${path}`);
    return found;
  }

  /** Nothing waits to be sent and the snapshot ended. */
  get isSettled(): boolean {
    return this.fusion.isComplete && this.pipe.status().backlog === 0 && this.pipe.status().snapshot !== "running";
  }
}

/** Moves the clock until the condition holds; throws with what `describe` says when it does not in that much virtual time. */
export async function until(
  condition: () => boolean,
  describe: () => unknown = () => condition.toString(),
  timeoutMs = 10_000,
): Promise<void> {
  for (let passed = 0; !condition(); passed += STEP_MS) {
    if (passed >= timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${JSON.stringify(describe())}`);
    await elapse(STEP_MS);
  }
}

/** Moves the clock until the work is done, and settles as it does. */
export async function during<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  work.then(done, done);
  await until(
    () => isDone,
    () => "the end of an operation",
    120_000,
  );
  return work;
}

/** Throws when the condition does not hold all the time while so much virtual time passes. */
export async function stays(condition: () => boolean, durationMs: number, what: () => string): Promise<void> {
  for (let passed = 0; passed <= durationMs; passed += STEP_MS) {
    if (!condition()) throw new Error(`it did not stay so for ${durationMs} ms, only for ${passed} ms: ${what()}`);
    await elapse(STEP_MS);
  }
}
