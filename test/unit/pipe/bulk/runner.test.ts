import { describe, expect, it } from "vitest";
import type { BulkJob, Ending, Retry, Run } from "../../../../src/pipe/bulk/bulk-job.ts";
import { BulkRunner } from "../../../../src/pipe/bulk/runner.ts";
import { Superseded } from "../../../../src/pipe/bulk/superseded.ts";
import { EnvelopeBuilder } from "../../../../src/pipe/encode/envelope-builder.ts";
import { FieldMapper } from "../../../../src/pipe/encode/field-mapper.ts";
import { Tombstones } from "../../../../src/pipe/receiver/tombstones.ts";
import type { Batch } from "../../../../src/pipe/send/batch.ts";
import { BulkBatch } from "../../../../src/pipe/send/bulk-batch.ts";
import { EndBatch } from "../../../../src/pipe/send/end-batch.ts";
import type { WorkItem } from "../../../../src/pipe/send/work-item.ts";
import type { AuditOptions, RowChunk } from "../../../../src/sdk/index.ts";
import { silentLogger } from "../../../../src/sdk/index.ts";
import { Signal } from "../../../../src/sdk/signal.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A job over a source of `passes`: each a list of paths, a chunk for each path; an error ends the pass. */
class TestJob implements BulkJob<string> {
  readonly told: string[] = [];
  readonly superseded = new Superseded(1000, 1);
  readonly timers: (() => void)[] = [];
  readonly runner: BulkRunner<string>;
  readonly opened: string[] = [];
  chunksOut = 0;
  orders: string[] = [];
  endings: Ending[] = [];
  passes: (string | Error)[][] = [];
  isGated = false;
  end: "audit" | undefined = "audit";
  retries = true;

  readonly #context = {
    builder: new EnvelopeBuilder({
      schema: "fs",
      table: "files",
      fields: ["path"],
      mapper: new FieldMapper([]),
      eventRows: 10,
      wallClock: () => 0,
      suggestSnapshot: () => false,
    }),
    tombstones: new Tombstones(),
    superseded: this.superseded,
    onRows: () => undefined,
  };

  constructor() {
    const setTimer = (_: number, callback: () => void): (() => void) => {
      this.timers.push(callback);
      return () => undefined;
    };
    this.runner = new BulkRunner(this, {
      context: this.#context,
      superseded: this.superseded,
      ambience: { now: () => 0, wallClock: () => 0, random: () => 0, setTimer },
      backoff: { firstMs: 100, multiplier: 2, maxMs: 1000, maxConsecutiveErrors: 9 },
      logger: silentLogger,
      news: new Signal(),
    });
  }

  take(): string | undefined {
    return this.orders[0];
  }

  takeEnding(): Ending | undefined {
    return this.endings.shift();
  }

  open(order: string, { signal, opened }: AuditOptions) {
    this.opened.push(order);
    return { chunks: this.#chunks(this.passes.shift() ?? [], signal, opened), progress: () => ({ rows: 0 }) };
  }

  reading(): ReturnType<BulkJob<string>["reading"]> {
    return { limits: { events: 1, eventRows: 1, bytes: 1e6 } };
  }

  gate(): "none" | "first batch" {
    return this.isGated ? "first batch" : "none";
  }

  frame(_: Run<string>, { ranges }: { readonly ranges: ConstructorParameters<typeof BulkBatch>[1] }): readonly Batch[] {
    return [new BulkBatch("audit", ranges, [], 0, this.#context)];
  }

  endOf(): "audit" | undefined {
    return this.end;
  }

  ended({ order }: Run<string>): void {
    this.orders = [];
    this.told.push(`ended ${order}`);
    this.endings.push({ batch: new EndBatch("audit", this.#context.builder.end("audit"), () => undefined) });
  }

  cutShort({ order }: Run<string>): void {
    this.told.push(`cut short ${order}`);
  }

  failed(_: Run<string>, error: unknown, failures: number): Retry | undefined {
    this.told.push(`failed ${failures}: ${(error as Error).message}`);
    return this.retries ? { level: "info", text: "again" } : undefined;
  }

  refused(): void {
    this.orders = [];
    this.told.push("refused");
  }

  async *#chunks(rows: readonly (string | Error)[], signal: AbortSignal, opened: Promise<void>) {
    for (const [i, row] of rows.entries()) {
      if (i > 0 && !signal.aborted) await opened;
      if (signal.aborted) return;
      if (row instanceof Error) throw row;
      yield this.#chunk(JSON.stringify({ path: row }));
    }
  }

  #chunk(text: string): RowChunk {
    this.chunksOut++;
    return {
      rowCount: 1,
      buffer: Buffer.from(`${text},`),
      rowOffsets: Uint32Array.of(0, text.length + 1),
      rowFlags: Uint8Array.of(0),
      groupFirstRow: Uint32Array.of(0),
      groupSequence: Float64Array.of(1),
      groupContainer: () => "/",
      release: () => {
        this.chunksOut--;
      },
    };
  }

  /** The next item, as soon as there is one. */
  async item(): Promise<WorkItem> {
    for (let tries = 0; tries < 50; tries++) {
      const item = this.runner.next();
      if (item !== undefined) return item;
      await turn();
    }
    throw new Error("nothing came");
  }
}

const keysOf = (item: WorkItem): string[] => item.batches.map((batch) => batch.key());

/** As the receiver does it. */
function accept(item: WorkItem): string[] {
  for (const batch of item.batches) batch.accepted();
  item.delivered();
  return keysOf(item);
}

function job(members: Partial<TestJob>): TestJob {
  return Object.assign(new TestJob(), { orders: ["x"], ...members });
}

describe("a job in bulk", () => {
  it("sends its end after the last row was accepted, and is over when the end was", async () => {
    const work = job({ passes: [["/a", "/b"]] });
    expect([accept(await work.item()), accept(await work.item())]).toEqual([["/a"], ["/b"]]);
    const end = await work.item();
    expect([keysOf(end), work.told]).toEqual([["the end (audit)"], []]);
    accept(end);
    expect([work.told, work.runner.state, work.chunksOut]).toEqual([["ended x"], "idle", 0]);
    expect(keysOf(await work.item()), "what is left to be sent without a pass").toEqual(["the end (audit)"]);
  });

  it("without an end signal is over with its last row, and what it leaves goes at once", async () => {
    const work = job({ passes: [["/a"]], end: undefined });
    accept(await work.item());
    expect(keysOf(await work.item())).toEqual(["the end (audit)"]);
    expect([work.told, work.runner.state]).toEqual([["ended x"], "ending"]);
  });

  it("that is cancelled takes its item back, keeps its rows until they are settled, and then gives them back", async () => {
    const work = job({ passes: [["/a", "/b"]] });
    const item = await work.item();
    await turn();
    expect(item.isCancelled()).toBe(false);
    work.orders = [];
    work.runner.cancel();
    expect([item.isCancelled(), work.told, work.chunksOut > 0]).toEqual([true, ["cut short x"], true]);
    item.abandoned();
    await work.runner.close();
    expect([work.chunksOut, work.runner.next()]).toEqual([0, undefined]);
  });

  it("whose end is accepted after it was cancelled is not over by that", async () => {
    const work = job({ passes: [["/a"]] });
    accept(await work.item());
    const end = await work.item();
    work.runner.cancel();
    accept(end);
    expect(work.told).toEqual(["cut short x"]);
  });

  it("that is gated reads on only after its first batch was accepted, and nothing supersedes that batch", async () => {
    const work = job({ passes: [["/a", "/b"]], isGated: true });
    const first = await work.item();
    await turn();
    expect([work.chunksOut, work.runner.run?.isOpen, work.superseded.isEmpty]).toEqual([1, false, true]);
    accept(first);
    expect([work.runner.run?.isOpen, accept(await work.item())]).toEqual([true, ["/b"]]);
  });

  it("leaves out what live changes superseded, unless the job keeps that, and notes none when it is over", async () => {
    for (const keepsSuperseded of [false, true]) {
      const limits = { events: 1, eventRows: 1, bytes: 1e6 };
      const work = job({ passes: [["/a", "/b"]], reading: () => ({ limits, keepsSuperseded }), end: undefined });
      expect(work.runner.next()).toBeUndefined();
      work.superseded.note({ op: "update", key: "/a", row: { path: "/a" }, sequence: 9, isContainer: false });
      expect(work.superseded.isEmpty).toBe(false);
      expect(keysOf(await work.item())).toEqual([keepsSuperseded ? "/a" : "/b"]);
      work.runner.cancel();
      work.superseded.note({ op: "update", key: "/c", row: { path: "/c" }, sequence: 10, isContainer: false });
      expect(work.superseded.isEmpty).toBe(true);
    }
  });

  it("begins anew after a failure, when its pause is over or when it is woken", async () => {
    const work = job({ passes: [["/a", new Error("one")], [new Error("two")], ["/c"]], isGated: true });
    accept(await work.item());
    await turn();
    expect(work.runner.next()).toBe(undefined);
    expect([work.runner.state, work.told]).toEqual(["pausing", ["cut short x", "failed 1: one"]]);
    work.timers.at(-1)?.();
    work.runner.next();
    await turn();
    expect([work.runner.next(), work.told.at(-1)]).toEqual([undefined, "failed 2: two"]);
    work.runner.wake();
    expect([keysOf(await work.item()), work.opened]).toEqual([["/c"], ["x", "x", "x"]]);
  });

  it("fails when too many deletes were forgotten meanwhile, and ends there when it is not to be repeated", async () => {
    const work = job({ passes: [["/a", "/b"]], retries: false });
    accept(await work.item());
    for (const key of ["/d", "/e"])
      work.superseded.note({ op: "delete", key, row: { path: key }, sequence: 9, isContainer: true });
    work.orders = [];
    expect([work.runner.next(), work.runner.state]).toEqual([undefined, "idle"]);
    expect(work.told).toEqual(["cut short x", "failed 1: too many directories were deleted meanwhile"]);
  });

  it("of which a row was refused gets no end", async () => {
    const work = job({ passes: [["/a"]] });
    const item = await work.item();
    work.runner.spoil();
    accept(item);
    await turn();
    expect([work.runner.next(), work.told]).toEqual([undefined, ["cut short x", "refused"]]);
  });
});
