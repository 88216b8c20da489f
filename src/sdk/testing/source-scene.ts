/** Where the rules of a source are tried: a world of the author, a driver over it, and what is read from the driver. */
import type { Change, Row } from "../changes.ts";
import { silentLogger } from "../observer.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { batchDefect, chunkDefect } from "../row-checks.ts";
import type { SourceDriverContext } from "../source-context.ts";
import type { BulkRows, SourceDriver } from "../source-driver.ts";
import { demand, SOON_MS, soon } from "./contract-check.ts";

/** What a source watches, in the hands of the test. It holds at least one entry when a check begins. */
export interface SourceWorld {
  /** Keys of everything that is there. */
  keys(): Promise<readonly string[]> | readonly string[];
  /** The key of a row of the source. */
  keyOf(row: Row): string;
  /** Makes a new entry; resolves with its key. */
  add(): Promise<string> | string;
  /** Changes an entry so that its row changes. Absent: entries never change. */
  change?(key: string): Promise<void> | void;
  remove(key: string): Promise<void> | void;
  /** A key that leads out of the source, for drivers with `scan`. */
  readonly keyOutside?: string;
  /** Frees what the world holds. */
  close?(): Promise<void> | void;
}

/** Makes the driver over a world; neither opened nor closed. */
export type MakeSource<W extends SourceWorld> = (
  world: W,
  context: SourceDriverContext,
) => Promise<SourceDriver> | SourceDriver;

export type MakeWorld<W> = () => Promise<W> | W;

export interface Scene<W extends SourceWorld> {
  readonly world: W;
  readonly source: SourceDriver;
  readonly signal: AbortSignal;
  readonly abort: () => void;
}

export type Play = (scene: Scene<SourceWorld>) => Promise<void>;

export async function staged<W extends SourceWorld>(
  make: MakeSource<W>,
  makeWorld: MakeWorld<W>,
  play: Play,
): Promise<void> {
  const world = await makeWorld();
  const controller = new AbortController();
  let source: SourceDriver | undefined;
  try {
    source = await make(world, { id: "contract", logger: silentLogger });
    await soon(source.open({ signal: controller.signal }), "open");
    await untilStarted(source);
    await play({ world, source, signal: controller.signal, abort: () => controller.abort() });
  } finally {
    controller.abort();
    if (source !== undefined) await soon(source.close(), "close");
    await world.close?.();
  }
}

/** What changes while a source is starting need not come as a change: the snapshot waits for the start and shows it. */
async function untilStarted(source: SourceDriver): Promise<void> {
  const deadline = performance.now() + SOON_MS;
  while (source.status().availability.state === "starting") {
    demand(performance.now() < deadline, `the source is still starting ${SOON_MS / 1000} s after open`);
    await moment();
  }
}

const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

interface ReadRows {
  readonly rows: readonly Row[];
  /** Rows of each chunk. */
  readonly counts: readonly number[];
}

/** Everything that an iteration of rows holds, each chunk checked and given back. */
export async function readAll(bulk: BulkRows, what: string): Promise<ReadRows> {
  const rows: Row[] = [];
  const counts: number[] = [];
  for await (const chunk of bulk.chunks) {
    const wrong = chunkDefect(chunk);
    demand(wrong === undefined, `${what} handed over ${wrong}`);
    const text = new TextDecoder().decode(chunk.buffer.subarray(0, (chunk.rowOffsets[chunk.rowCount] ?? 1) - 1));
    rows.push(...(JSON.parse(`[${text}]`) as Row[]));
    counts.push(chunk.rowCount);
    chunk.release();
  }
  return { rows, counts };
}

export const sortedKeys = (keys: readonly string[]): readonly string[] => [...keys].sort();

export async function snapshotKeys({ source, world, signal }: Scene<SourceWorld>): Promise<readonly string[]> {
  const { rows } = await soon(readAll(source.getSnapshotIterator({ signal }), "the snapshot"), "the snapshot");
  return sortedKeys(rows.map((row) => world.keyOf(row)));
}

/** The live changes of a source, until the play is over. */
export class Listener {
  readonly changes: Change[] = [];
  readonly over: Promise<void>;
  readonly positionLost: boolean;
  #defect: string | undefined;
  #isOver = false;

  /** Without a position: from now on. */
  constructor(source: SourceDriver, signal: AbortSignal, position?: string) {
    const { batches, positionLost } = source.getMessageIterator(-1, omitUndefined({ signal, position }));
    this.positionLost = positionLost;
    this.over = this.#run(batches).finally(() => {
      this.#isOver = true;
    });
    this.over.catch(() => undefined);
  }

  async #run(batches: AsyncIterable<Parameters<typeof batchDefect>[0]>): Promise<void> {
    for await (const batch of batches) {
      this.#defect ??= batchDefect(batch);
      this.changes.push(...(this.#defect === undefined ? batch.changes : []));
    }
  }

  /** The first change from `from` on that will do. */
  async until(what: string, holds: (change: Change) => boolean, from = 0): Promise<Change> {
    const deadline = performance.now() + SOON_MS;
    for (;;) {
      demand(this.#defect === undefined, `the stream handed over ${this.#defect}`);
      const found = this.changes.slice(from).find(holds);
      if (found !== undefined) return found;
      demand(!this.#isOver, `the stream ended before ${what} came`);
      demand(performance.now() < deadline, `${what} did not come within ${SOON_MS / 1000} s`);
      await moment();
    }
  }
}
