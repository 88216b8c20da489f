/** Which chunks a pass pulls, cuts and gives back, and when. What becomes of single rows: bulk-reader.test.ts. */
import { describe, expect, it } from "vitest";
import { BulkReader, type Cut, type ReaderParts } from "../../../../src/pipe/bulk/bulk-reader.ts";
import { Passes } from "../../../../src/pipe/bulk/passes.ts";
import { type RowChunk, RowFlag, silentLogger } from "../../../../src/sdk/index.ts";

const LIMITS = { events: 1, eventRows: 100, bytes: 1e6 };
const ROW = '{"path":"/d/x"}';

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A source whose chunks come when a test says so; the text of a row is anything. */
class TestPass {
  readonly released: string[] = [];
  pulled = 0;
  isOver = false;
  isOpen = false;
  readonly #waiting: RowChunk[] = [];
  #ends = false;
  #news = (): void => undefined;

  chunk(name: string, texts: readonly string[], more: Partial<RowChunk> = {}): RowChunk {
    const offsets = [0];
    for (const text of texts) offsets.push((offsets.at(-1) ?? 0) + text.length + 1);
    return {
      rowCount: texts.length,
      buffer: Buffer.from(texts.map((text) => `${text},`).join("")),
      rowOffsets: Uint32Array.from(offsets),
      rowFlags: new Uint8Array(texts.length),
      groupFirstRow: Uint32Array.of(0),
      groupSequence: Float64Array.of(1),
      groupContainer: () => "/d",
      release: () => this.released.push(name),
      ...more,
    };
  }

  give(...chunks: RowChunk[]): void {
    this.#waiting.push(...chunks);
    this.#news();
  }

  end(): void {
    this.#ends = true;
    this.#news();
  }

  readonly open: ReaderParts["open"] = () => {
    this.isOpen = true;
    return { chunks: this.#chunks(), progress: () => ({ rows: 0, expectedRows: 9 }) };
  };

  async *#chunks(): AsyncGenerator<RowChunk> {
    try {
      for (let next = await this.#next(); next !== undefined; next = await this.#next()) {
        this.pulled++;
        yield next;
      }
    } finally {
      this.isOver = true;
    }
  }

  async #next(): Promise<RowChunk | undefined> {
    if (this.#waiting.length === 0 && !this.#ends)
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    return this.#waiting.shift();
  }
}

function reading(pass: TestPass, parts: Partial<ReaderParts> = {}, after: Promise<void> = Promise.resolve()) {
  return new BulkReader(
    {
      open: pass.open,
      limits: LIMITS,
      superseded: undefined,
      tombstones: undefined,
      strongRows: undefined,
      onProgress: () => undefined,
      ...parts,
    },
    after,
  );
}

/** `[rows of the first range, of the second...]` */
const sizes = (cut: Cut | undefined): number[] | undefined => cut?.ranges.map(({ from, to }) => to - from);

async function readerOf(chunks: readonly (readonly string[])[], parts: Partial<ReaderParts> = {}) {
  const pass = new TestPass();
  const reader = reading(pass, parts);
  pass.give(...chunks.map((texts, i) => pass.chunk(String(i), texts)));
  await turns();
  return { pass, reader };
}
const rows = (count: number): string[] => Array(count).fill(ROW);

describe("the cuts of a pass", () => {
  it("go on where the one before ended, across chunks, and give a chunk back with its last row", async () => {
    const { pass, reader } = await readerOf([rows(5), rows(3), rows(2)], { limits: { ...LIMITS, eventRows: 4 } });
    const found = [];
    for (let cut = reader.cut(); cut !== undefined; cut = reader.cut()) {
      found.push([sizes(cut), reader.progress()]);
      cut.settle();
      found.push(pass.released.length);
    }
    const [at4, at8, at10] = [4, 8, 10].map((rows) => ({ rows, expectedRows: 9 }));
    expect(found).toEqual([[[4], at4], 0, [[1, 3], at8], 2, [[2], at10], 3]);
  });

  it("hold as many bytes as they may, counted over all their chunks, and one row at least", async () => {
    // A row and its comma are ten bytes, and the last comma does not count.
    const ten = (count: number): string[] => Array(count).fill("x".repeat(9));
    const cuts = async (bytes: number, ...chunks: number[]): Promise<unknown[]> => {
      const { reader } = await readerOf(chunks.map(ten), { limits: { ...LIMITS, bytes } });
      const found = [];
      for (let cut = reader.cut(); cut !== undefined; cut = reader.cut()) found.push(sizes(cut));
      return found;
    };
    expect(await cuts(100, 2, 2, 2)).toEqual([[2, 2, 2]]);
    expect(await cuts(28, 2, 1)).toEqual([[2, 1]]);
    expect(await cuts(27, 2, 1)).toEqual([[2], [1]]);
    expect(await cuts(5, 2)).toEqual([[1], [1]]);
  });

  it("leave out a chunk of which nothing is left, and give it back", async () => {
    const view = { isEmpty: false, concerns: () => true, supersedes: () => true };
    const superseded = view as unknown as ReaderParts["superseded"];
    const { pass, reader } = await readerOf([rows(2), rows(1)], { superseded });
    expect(reader.cut()).toBeUndefined();
    expect([pass.released, reader.progress().rows]).toEqual([["0", "1"], 3]);
  });

  it("never look at the row behind them, and have no empty ranges", async () => {
    const pass = new TestPass();
    const reader = reading(pass, { strongRows: "lifted", limits: { ...LIMITS, eventRows: 2 } });
    const rowFlags = Uint8Array.of(RowFlag.strong, 0, RowFlag.strong);
    pass.give(pass.chunk("a", ['{"path":"/1"}', ROW, '{"path":"/3"}'], { rowFlags }));
    await turns();
    const cuts = [reader.cut(), reader.cut()];
    expect(cuts.map((cut) => cut?.lifted.map(({ path }) => path))).toEqual([["/1"], ["/3"]]);
    expect(cuts.map(sizes)).toEqual([[1], []]);
  });

  it("that end within a directory go on in the same one", async () => {
    const view = { isEmpty: false, concerns: (at: string) => at === "/d", supersedes: (key: string) => key === "/d/2" };
    const pass = new TestPass();
    const parts = { superseded: view as unknown as ReaderParts["superseded"], limits: { ...LIMITS, eventRows: 1 } };
    const reader = reading(pass, parts);
    const groups: Partial<RowChunk> = {
      groupFirstRow: Uint32Array.of(0, 2),
      groupSequence: Float64Array.of(1, 1),
      groupContainer: (group) => (group === 0 ? "/d" : "/e"),
    };
    pass.give(pass.chunk("a", ['{"path":"/d/1"}', '{"path":"/d/2"}', '{"path":"/e/3"}'], groups));
    await turns();
    const firsts = [reader.cut(), reader.cut(), reader.cut()].map((cut) => cut?.ranges[0]?.from);
    expect(firsts).toEqual([0, 2, undefined]);
  });

  it("of what nothing touched do not even read the rows", async () => {
    const never = (): never => {
      throw new Error("asked");
    };
    const empty = { isEmpty: true, concerns: never } as unknown as ReaderParts["superseded"];
    const nothing: ReaderParts["tombstones"] = { isEmpty: () => true, concerns: never, needsInBulk: never };
    const far = { isEmpty: false, concerns: () => false } as unknown as ReaderParts["superseded"];
    const cases: [Partial<ReaderParts>, Partial<RowChunk>][] = [
      [{}, { groupContainer: never }],
      [{ superseded: empty, tombstones: nothing }, { groupContainer: never }],
      [{ superseded: far }, {}],
      [{ superseded: { isEmpty: false, concerns: never } as never }, { groupContainer: () => undefined }],
    ];
    for (const [parts, chunk] of cases) {
      const pass = new TestPass();
      const reader = reading(pass, parts);
      pass.give(pass.chunk("a", ["no JSON"], chunk));
      await turns();
      expect(sizes(reader.cut())).toEqual([1]);
    }
  });
});

describe("a pass", () => {
  it("does not know how many rows are expected where its source does not", async () => {
    const pass = new TestPass();
    const open: ReaderParts["open"] = (options) => ({ ...pass.open(options), progress: () => ({ rows: 0 }) });
    const reader = reading(pass, { open });
    await turns();
    expect(Object.keys(reader.progress())).toEqual(["rows"]);
  });

  it("says when a chunk came, when all did, and when it failed", async () => {
    let told = 0;
    const onProgress = (): void => void told++;
    const pass = new TestPass();
    const reader = reading(pass, { onProgress });
    pass.give(pass.chunk("a", rows(1)));
    await turns();
    expect(told).toBe(1);
    pass.end();
    await turns();
    expect([told, reader.reading.kind]).toEqual([2, "done"]);
    const error = new Error("torn");
    const open = (): never => {
      throw error;
    };
    const failed = reading(new TestPass(), { open, onProgress });
    await turns();
    expect([told, failed.reading]).toEqual([3, { kind: "failed", error }]);
  });

  it("pulls three chunks ahead, and more as they are cut", async () => {
    const { pass, reader } = await readerOf([rows(1), rows(1), rows(1), rows(1), rows(1)]);
    expect(pass.pulled).toBe(3);
    const cut = reader.cut();
    expect(sizes(cut)).toEqual([1, 1, 1]);
    cut?.settle();
    await turns();
    expect(pass.pulled).toBe(5);
  });

  it("gives empty chunks back and is done when its source is", async () => {
    const { pass, reader } = await readerOf([[], rows(1)]);
    expect([pass.released, reader.reading.kind]).toEqual([["0"], "reading"]);
    pass.end();
    await turns();
    expect([sizes(reader.cut()), reader.reading.kind]).toEqual([[1], "done"]);
  });

  it("begins when the one before is over, and not at all when it was dropped by then", async () => {
    for (const isDropped of [false, true]) {
      let over = (): void => undefined;
      const before = new Promise<void>((resolve) => {
        over = resolve;
      });
      const pass = new TestPass();
      const reader = reading(pass, {}, before);
      await turns();
      expect(pass.isOpen).toBe(false);
      const dropping = isDropped ? reader.drop() : undefined;
      over();
      await turns();
      expect([pass.isOpen, reader.isDropped]).toEqual([!isDropped, isDropped]);
      await dropping;
    }
  });
});

describe("a pass that is dropped", () => {
  it("gives back at once what is not in flight, and the rest with what is", async () => {
    const idle = await readerOf([rows(1), rows(1)]);
    const dropped = idle.reader.drop();
    expect(idle.pass.released).toEqual(["0", "1"]);
    idle.pass.end();
    await dropped;
    const busy = await readerOf([rows(2), rows(1)], { limits: { ...LIMITS, eventRows: 1 } });
    const cut = busy.reader.cut();
    const over = busy.reader.drop();
    expect(busy.pass.released).toEqual([]);
    cut?.settle();
    expect(busy.pass.released).toEqual(["0", "1"]);
    busy.pass.end();
    await over;
    const settled = await readerOf([rows(2), rows(1)], { limits: { ...LIMITS, eventRows: 1 } });
    settled.reader.cut()?.settle();
    const last = settled.reader.drop();
    expect(settled.pass.released).toEqual(["0", "1"]);
    settled.pass.end();
    await last;
  });

  it("gives back what comes after that, is never done, and is over when its source is", async () => {
    const { pass, reader } = await readerOf([rows(1)]);
    let isOver = false;
    void reader.drop().then(() => {
      isOver = true;
    });
    await turns();
    expect(isOver).toBe(false);
    pass.give(pass.chunk("late", rows(1)));
    await turns();
    expect([pass.released, isOver, pass.isOver]).toEqual([["0", "late"], true, true]);
    expect(reader.reading.kind).toBe("reading");
    const ended = await readerOf([]);
    const dropping = ended.reader.drop();
    ended.pass.end();
    await dropping;
    expect(ended.reader.reading.kind).toBe("reading");
  });

  it("does not wait for room", async () => {
    const { pass, reader } = await readerOf([rows(1), rows(1), rows(1), rows(1)]);
    await reader.drop();
    expect([pass.pulled, pass.isOver]).toEqual([3, true]);
  });
});

it("the passes of one runner follow each other: the next one opens when the source is done with those before", async () => {
  const passes = new Passes(silentLogger);
  const [first, second] = [new TestPass(), new TestPass()];
  const parts = (pass: TestPass): ReaderParts => ({
    ...{ open: pass.open, limits: LIMITS, superseded: undefined, tombstones: undefined },
    ...{ strongRows: undefined, onProgress: () => undefined },
  });
  const one = passes.open(parts(first));
  await turns();
  passes.drop(one);
  let isSettled = false;
  void passes.settled().then(() => {
    isSettled = true;
  });
  const two = passes.open(parts(second));
  await turns();
  expect([first.isOpen, second.isOpen, isSettled]).toEqual([true, false, false]);
  first.end();
  await turns();
  expect([second.isOpen, isSettled]).toEqual([true, true]);
  passes.drop(two);
  second.end();
  await passes.settled();
  expect(second.isOver).toBe(true);
});
