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
  readonly news = new Signal();
  chunksOut = 0;
  timersCancelled = 0;
  orders: string[] = [];
  endings: Ending[] = [];
  passes: (string | Error)[][] = [];
  isGated = false;
  end: "audit" | undefined = "audit";
  retries = true;

  readonly context = {
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
      return () => {
        this.timersCancelled++;
      };
    };
    this.runner = new BulkRunner(this, {
      context: this.context,
      superseded: this.superseded,
      ambience: { now: () => 0, wallClock: () => 0, random: () => 0, setTimer },
      backoff: { firstMs: 100, multiplier: 2, maxMs: 1000, maxConsecutiveErrors: 9 },
      logger: silentLogger,
      news: this.news,
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
    return [new BulkBatch("audit", ranges, [], 0, this.context)];
  }

  endAccepted?: (run: Run<string>) => void;

  endOf(): "audit" | undefined {
    return this.end;
  }

  ended({ order }: Run<string>): void {
    this.orders = [];
    this.told.push(`ended ${order}`);
    this.endings.push({ batch: new EndBatch("audit", this.context.builder.end("audit"), () => undefined) });
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

/** Whether work was announced since the last time. */
async function isNews({ news }: TestJob): Promise<boolean> {
  const over = new AbortController();
  let raised = false;
  void news.wait(over.signal).then(() => {
    raised = !over.signal.aborted;
  });
  await turn();
  over.abort();
  return raised;
}

const update = (key: string, sequence: number): Parameters<Superseded["note"]>[0] => ({
  ...{ op: "update", key, row: { path: key }, sequence, isContainer: false },
});

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
    expect(work.runner.state).toBe("idle");
  });

  it("counts its failures anew after a good run, a cancel, and one that is not repeated", async () => {
    const failing = (): (string | Error)[] => [new Error("x")];
    const work = job({
      passes: [failing(), failing(), ["/a"], failing(), failing(), failing(), failing()],
      end: undefined,
    });
    const fail = async (): Promise<string | undefined> => {
      work.orders = ["x"];
      work.runner.wake();
      work.runner.next();
      await turn();
      work.runner.next();
      return work.told.filter((text) => text.startsWith("failed")).at(-1);
    };
    expect([await fail(), await fail()]).toEqual(["failed 1: x", "failed 2: x"]);
    work.runner.wake();
    accept(await work.item());
    accept(await work.item());
    expect([await fail(), work.runner.state]).toEqual(["failed 1: x", "pausing"]);
    const cancelled = work.timersCancelled;
    work.runner.cancel();
    expect([work.timersCancelled, await fail()]).toEqual([cancelled + 1, "failed 1: x"]);
    work.retries = false;
    expect([await fail(), await fail()]).toEqual(["failed 2: x", "failed 1: x"]);
    expect([work.opened.length, work.runner.state], "a run that is not repeated begins none").toEqual([7, "idle"]);
  });

  it("that does not pause is not woken, and that does not run is not spoilt", async () => {
    const work = job({ passes: [["/a"]], orders: [] });
    work.runner.spoil();
    work.runner.wake();
    expect([work.runner.next(), work.runner.state]).toEqual([undefined, "idle"]);
    work.orders = ["x"];
    const item = await work.item();
    work.runner.wake();
    expect([item.isCancelled(), work.timersCancelled]).toEqual([false, 0]);
    accept(item);
    expect(accept(await work.item())).toEqual(["the end (audit)"]);
  });

  it("that is gated and whose pause is over early cancels its timer and says that there is work", async () => {
    const work = job({ passes: [[new Error("x")], ["/a"]] });
    work.runner.next();
    await turn();
    work.runner.next();
    await isNews(work);
    expect([work.runner.state, await isNews(work)]).toEqual(["pausing", false]);
    work.runner.wake();
    expect([work.timersCancelled, await isNews(work), keysOf(await work.item())]).toEqual([1, true, ["/a"]]);
  });

  it("that is gated sends its first batch although live changes superseded it", async () => {
    const work = job({ passes: [["/a", "/b"]], isGated: true });
    work.runner.next();
    work.superseded.note(update("/a", 9));
    expect(keysOf(await work.item())).toEqual(["/a"]);
  });

  it("that is gated notices that too much was forgotten while its second batch was under way", async () => {
    const work = job({ passes: [["/a", "/b", "/c"]], isGated: true });
    accept(await work.item());
    const second = await work.item();
    for (const key of ["/d", "/e"]) work.superseded.note({ ...update(key, 9), op: "delete", isContainer: true });
    accept(second);
    expect([work.runner.next(), work.told.at(-1)]).toEqual([
      undefined,
      "failed 1: too many directories were deleted meanwhile",
    ]);
  });

  it("that is gated and was cancelled is not opened by its first batch", async () => {
    const work = job({ passes: [["/a", "/b"]], isGated: true });
    const first = await work.item();
    work.runner.cancel();
    accept(first);
    work.superseded.note(update("/c", 9));
    expect(work.superseded.isEmpty).toBe(true);
  });

  it("leaves out cuts of which the job makes nothing, and gives their rows back; a gated one fails by that", async () => {
    const frame: TestJob["frame"] = (run, cut) => (cut.ranges[0]?.chunk === first ? [] : framed(run, cut));
    let first: unknown;
    const work = job({ passes: [["/a", "/b"]] });
    const framed = work.frame.bind(work);
    work.frame = (run, cut) => {
      first ??= cut.ranges[0]?.chunk;
      return frame(run, cut);
    };
    expect(keysOf(await work.item())).toEqual(["/b"]);
    expect(work.chunksOut).toBe(1);
    const gated = job({ passes: [["/a", "/b"]], isGated: true, frame: () => [] });
    gated.runner.next();
    await turn();
    expect([gated.runner.next(), gated.told.at(-1)]).toEqual([
      undefined,
      "failed 1: its first directory was deleted meanwhile",
    ]);
  });

  it("notes nothing more when it is over, still knows how far it came, and says that there may be other work", async () => {
    const work = job({ passes: [["/a"]] });
    accept(await work.item());
    const end = await work.item();
    const accepted: string[] = [];
    work.endAccepted = ({ order }) => void accepted.push(order);
    await isNews(work);
    await isNews(work);
    accept(end);
    expect(await isNews(work)).toBe(true);
    work.superseded.note(update("/c", 9));
    expect([work.superseded.isEmpty, work.runner.progress.rows, work.runner.run]).toEqual([true, 1, undefined]);
    expect(accepted).toEqual(["x"]);
  });

  it("tells of an ending that was delivered, and says that there may be other work, unless it was cancelled", async () => {
    for (const isCancelled of [false, true]) {
      const work = job({ orders: [] });
      let delivered = 0;
      const batch = new EndBatch("audit", work.context.builder.end("audit"), () => undefined);
      work.endings = [{ batch, delivered: () => void delivered++ }];
      const item = work.runner.next() as WorkItem;
      expect([item.isCancelled(), work.runner.state]).toEqual([false, "ending"]);
      if (isCancelled) work.runner.cancel();
      item.delivered();
      expect([delivered, await isNews(work), work.runner.state]).toEqual([isCancelled ? 0 : 1, !isCancelled, "idle"]);
    }
  });

  it("sends what it leaves at once when it is over, but not while it pauses", async () => {
    const work = job({ passes: [["/a"]], end: undefined });
    accept(await work.item());
    await turn();
    expect(work.runner.next()?.batches).toHaveLength(1);
    const paused = job({ passes: [[new Error("x")]] });
    paused.runner.next();
    await turn();
    const batch = new EndBatch("audit", paused.context.builder.end("audit"), () => undefined);
    paused.failed = () => {
      paused.endings = [{ batch }];
      return { level: "info", text: "again" };
    };
    expect([paused.runner.next(), paused.runner.state]).toEqual([undefined, "pausing"]);
  });
});
