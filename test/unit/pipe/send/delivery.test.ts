import { describe, expect, it } from "vitest";
import type { Batch } from "../../../../src/pipe/send/batch.ts";
import { BatchLimits } from "../../../../src/pipe/send/batch-limits.ts";
import { BulkBatch } from "../../../../src/pipe/send/bulk-batch.ts";
import { Delivery, type DeliveryEvent } from "../../../../src/pipe/send/delivery.ts";
import { CompletionBatch, EndBatch } from "../../../../src/pipe/send/end-batch.ts";
import { LiveBatch } from "../../../../src/pipe/send/live-batch.ts";
import { Freshness } from "../../../../src/pipe/session/freshness.ts";
import { type Envelope, FustorError, type FustorErrorCode } from "../../../../src/sdk/index.ts";
import { batchContext, liveItem } from "../../../support/batch-context.ts";
import { written } from "../../../support/changes.ts";
import { CoreSender } from "../../../support/core-sender.ts";
import { rowsOf } from "../../../support/faulty-sender.ts";
import { createRecordingLogger } from "../../../support/recording-logger.ts";
import { ended } from "../../../support/turns.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

const TIMEOUT_MS = 1_000_000;
const LARGEST = 100_000;
const BACKOFF = { firstMs: 1_000, multiplier: 2, maxMs: 8_000, maxConsecutiveErrors: 9 };

type Answer = (paths: readonly string[]) => unknown;

const failure = (code: FustorErrorCode, retryAfterMs?: number): FustorError =>
  new FustorError(code, code, retryAfterMs === undefined ? {} : { retryAfterMs });

/** Answers as a test says, and writes down what it was sent and when. */
class PlannedSender extends CoreSender {
  readonly sent: string[] = [];
  readonly times: number[] = [];
  /** What a push fails with; undefined = it is accepted. */
  answer: Answer = () => undefined;
  pushMs = 0;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
  }

  override async push(_: string, { events, isEnd, metadata }: Envelope): Promise<{ snapshotNeeded: boolean }> {
    const paths = events.flatMap(({ rows }) => rowsOf(rows).map(({ path }) => String(path)));
    this.sent.push(isEnd ? "end" : metadata === undefined ? paths.join(" ") : "completion");
    this.times.push(this.#clock.now());
    const error = this.answer(paths);
    if (this.pushMs > 0)
      await new Promise<void>((resolve) => {
        this.#clock.setTimer(this.pushMs, resolve);
      });
    if (error !== undefined) throw error === NOTHING ? undefined : error;
    return { snapshotNeeded: false };
  }
}

/** To be thrown: undefined. */
const NOTHING = Symbol("nothing");

function stageOf() {
  const clock = new VirtualClock(() => 0.5);
  const sender = new PlannedSender(clock);
  const logger = createRecordingLogger();
  const events: DeliveryEvent[] = [];
  const limits = new BatchLimits({ events: 10, eventRows: 10, bytes: LARGEST }, clock.now);
  const freshness = new Freshness(clock, TIMEOUT_MS, 0);
  const parts = { sender, sessionId: "s", ambience: clock, backoff: BACKOFF, logger, freshness, limits };
  const delivery = new Delivery({ ...parts, emit: (event) => events.push(event) });
  const context = batchContext();
  const live = (...paths: string[]): LiveBatch =>
    new LiveBatch(
      paths.map((path) => liveItem(written(path))),
      context,
    );
  const stop = new AbortController();
  const deliver = (...batches: Batch[]): Promise<boolean> => ended(delivery.deliver(batches, { signal: stop.signal }));
  const kinds = (): string[] => events.map(({ kind }) => kind);
  return { clock, sender, logger, events, kinds, limits, freshness, delivery, context, live, stop, deliver };
}

/** Fails with this, so many times. */
function failing(times: number, error: unknown): Answer {
  let left = times;
  return () => (left-- > 0 ? error : undefined);
}

describe("delivery of batches", () => {
  it("sends them in order and reports each with the time that it took", async () => {
    const { clock, sender, deliver, live, events, context } = stageOf();
    sender.pushMs = 30;
    const first = live("/a");
    const outcome = deliver(first, live("/b"));
    await clock.passTo(100);
    expect(await outcome).toBe(true);
    expect([sender.sent, sender.times]).toEqual([
      ["/a", "/b"],
      [0, 30],
    ]);
    expect(events).toMatchObject([
      { kind: "batch accepted", batch: first, sentAt: 0, tookMs: 30, answer: { snapshotNeeded: false } },
      { kind: "batch accepted", sentAt: 30, tookMs: 30 },
    ]);
    expect(context.accepted).toEqual(["message 1", "message 1"]);
  });

  it("does not send a batch of which the mapping leaves nothing, and takes it for accepted", async () => {
    const { sender, delivery, stop, kinds } = stageOf();
    const context = batchContext(10, [{ to: "x", source: ["absent"] }]);
    const batch = new LiveBatch([liveItem(written("/a"))], context);
    expect(await delivery.deliver([batch], { signal: stop.signal })).toBe(true);
    expect([sender.sent, context.accepted, kinds()]).toEqual([[], ["message 1"], []]);
  });

  it("sends what has no rows, for it is an end or a completion", async () => {
    const { sender, deliver, context } = stageOf();
    const end = new EndBatch("snapshot", context.builder.end("snapshot"), () => undefined);
    await deliver(end, new CompletionBatch(context.builder.jobComplete({}), "/a"));
    expect(sender.sent).toEqual(["end", "completion"]);
  });

  it("notes a batch as sent before each attempt", async () => {
    const { clock, sender, deliver, live, context } = stageOf();
    sender.answer = failing(1, failure("FUSTOR_SENDER_UNREACHABLE"));
    const view = context.superseded.view();
    view.begin();
    const outcome = deliver(live("/d/a"));
    expect(view.supersedes("/d/a", 0)).toBe(true);
    await clock.passTo(10_000);
    await outcome;
  });

  it("gives up what is left when it is cancelled", async () => {
    const { delivery, stop, sender, live } = stageOf();
    let asked = 0;
    const isCancelled = (): boolean => ++asked > 1;
    expect(await delivery.deliver([live("/a"), live("/b")], { signal: stop.signal, isCancelled })).toBe(false);
    expect(sender.sent).toEqual(["/a"]);
  });
});

describe("a batch that fails for trouble of the moment", () => {
  it("is sent again after pauses that grow, and nothing overtakes it", async () => {
    const { clock, sender, deliver, live, kinds, logger } = stageOf();
    sender.answer = failing(3, failure("FUSTOR_SENDER_UNREACHABLE"));
    const outcome = deliver(live("/a"), live("/b"));
    await clock.passTo(60_000);
    expect(await outcome).toBe(true);
    expect([sender.sent, sender.times]).toEqual([
      ["/a", "/a", "/a", "/a", "/b"],
      [0, 500, 1_500, 3_500, 3_500],
    ]);
    expect(kinds()).toEqual(["call failed", "call failed", "call failed", "batch accepted", "batch accepted"]);
    expect(logger.entries.map(({ level }) => level)).toEqual(["warn", "debug", "debug"]);
  });

  it("begins with a short pause again once a batch was accepted", async () => {
    const { clock, sender, deliver, live } = stageOf();
    const fail = failure("FUSTOR_SENDER_UNREACHABLE");
    const answers = [fail, fail, undefined, fail, undefined];
    sender.answer = () => answers.shift();
    const outcome = deliver(live("/a"), live("/b"));
    await clock.passTo(60_000);
    await outcome;
    expect(sender.times).toEqual([0, 500, 1_500, 1_500, 2_000]);
  });

  it("waits as long as the receiver asks, and up to a quarter longer", async () => {
    const { clock, sender, deliver, live } = stageOf();
    sender.answer = failing(1, failure("FUSTOR_SENDER_BUSY", 5_000));
    const outcome = deliver(live("/a"));
    await clock.passTo(60_000);
    await outcome;
    expect(sender.times).toEqual([0, 5_000 * 1.125]);
  });

  it("is sent again whatever a sender throws", async () => {
    const { clock, sender, deliver, live } = stageOf();
    sender.answer = failing(1, NOTHING);
    const outcome = deliver(live("/a"));
    await clock.passTo(60_000);
    expect(await outcome).toBe(true);
  });

  it("goes at once when delivery is woken", async () => {
    const { clock, sender, delivery, deliver, live } = stageOf();
    sender.answer = failing(1, failure("FUSTOR_SENDER_BUSY", 5_000));
    const outcome = deliver(live("/a"));
    await clock.passTo(100);
    delivery.wake();
    expect(await outcome).toBe(true);
    expect(sender.times).toEqual([0, 100]);
  });

  it("is no longer repeated once a failure is to be the end", async () => {
    const { clock, sender, delivery, deliver, live, kinds } = stageOf();
    sender.answer = () => failure("FUSTOR_SENDER_UNREACHABLE");
    const outcome = deliver(live("/a"));
    await clock.passTo(100);
    delivery.failFast();
    await expect(outcome).rejects.toMatchObject({ code: "FUSTOR_SENDER_UNREACHABLE" });
    expect([sender.times, kinds()]).toEqual([
      [0, 100],
      ["call failed", "call failed"],
    ]);
  });

  it("that was lost with its session is not sent again, nor counted as a failure", async () => {
    const { sender, deliver, live, kinds } = stageOf();
    sender.answer = () => failure("FUSTOR_SESSION_LOST");
    await expect(deliver(live("/a"))).rejects.toMatchObject({ code: "FUSTOR_SESSION_LOST" });
    expect([sender.sent, kinds()]).toEqual([["/a"], []]);
  });

  it("is not sent once the session may have expired", async () => {
    const { clock, sender, deliver, live, freshness } = stageOf();
    await clock.passTo(TIMEOUT_MS);
    const expired = { code: "FUSTOR_SESSION_LOST", details: { expired: true } };
    await expect(deliver(live("/a"))).rejects.toMatchObject(expired);
    expect(sender.sent).toEqual([]);
    freshness.note(TIMEOUT_MS);
    expect(await deliver(live("/a"))).toBe(true);
  });

  it("is not sent after an abort, and an abort in the middle is no failure", async () => {
    const { sender, deliver, live, stop, kinds } = stageOf();
    sender.answer = () => {
      stop.abort();
      return failure("FUSTOR_SENDER_UNREACHABLE");
    };
    const cause = { code: "FUSTOR_SENDER_UNREACHABLE" };
    await expect(deliver(live("/a"))).rejects.toMatchObject({ code: "FUSTOR_ABORTED", cause });
    await expect(deliver(live("/a"))).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
    expect([sender.sent, kinds()]).toEqual([["/a"], []]);
  });
});

describe("a batch whose content is refused", () => {
  const refusing =
    (bad: string, code: FustorErrorCode = "FUSTOR_BATCH_REFUSED"): Answer =>
    (paths) =>
      paths.includes(bad) ? failure(code) : undefined;

  it("is cut down to the row that is bad, in order, and the rest is accepted", async () => {
    const { sender, deliver, live, events, logger, context } = stageOf();
    sender.answer = refusing("/c");
    expect(await deliver(live("/a", "/b", "/c", "/d"), live("/e"))).toBe(true);
    expect(sender.sent).toEqual(["/a /b /c /d", "/a /b", "/c /d", "/c", "/d", "/e"]);
    const refused = events.filter(({ kind }) => kind === "row refused");
    expect(refused).toEqual([
      {
        kind: "row refused",
        row: {
          key: "/c",
          phase: "message",
          reason: "FUSTOR_BATCH_REFUSED",
          row: '{"path":"/c","modified_time":5}',
        },
      },
    ]);
    expect(logger.entries).toMatchObject([{ level: "error", facts: { row: "/c", phase: "message" } }]);
    expect(context.accepted).toEqual(["message 2", "message 1", "message 1"]);
  });

  it("is set aside without its row when it has none", async () => {
    const { sender, deliver, events, context } = stageOf();
    sender.answer = () => failure("FUSTOR_BATCH_REFUSED");
    expect(await deliver(new CompletionBatch(context.builder.jobComplete({}), "/a"))).toBe(true);
    const row = { key: "the completion of the scan of /a", phase: "on_demand_job", reason: "FUSTOR_BATCH_REFUSED" };
    expect(events).toStrictEqual([{ kind: "row refused", row }]);
    expect(sender.sent).toEqual(["completion"]);
  });

  it("is sent again when it is an end, which nothing can do without", async () => {
    const { clock, sender, deliver, context } = stageOf();
    sender.answer = failing(1, failure("FUSTOR_BATCH_REFUSED"));
    const outcome = deliver(new EndBatch("snapshot", context.builder.end("snapshot"), () => undefined));
    await clock.passTo(10_000);
    expect(await outcome).toBe(true);
    expect(sender.sent).toEqual(["end", "end"]);
  });

  it("teaches nothing about how large a batch may be", async () => {
    const { sender, deliver, live, limits } = stageOf();
    sender.answer = refusing("/a");
    await deliver(live("/a", "/b"));
    expect(limits.isReduced).toBe(false);
  });

  const longPath = (bytes: number): string => `/${"x".repeat(bytes)}`;

  it("teaches how large a batch may be when it was too large, and the log says so once", async () => {
    const { sender, deliver, live, limits, logger } = stageOf();
    const [a, b, c, d] = [1, 2, 3, 4].map((i) => `${longPath(20_000)}${i}`) as [string, string, string, string];
    sender.answer = (paths) => (paths.length > 1 ? failure("FUSTOR_BATCH_TOO_LARGE") : undefined);
    await deliver(live(a, b, c, d));
    // Halved to 40,000 and then to 20,000; then single rows of a little more were accepted.
    expect(limits.bytes).toBeGreaterThan(20_000);
    expect(limits.bytes).toBeLessThan(20_100);
    expect(logger.messages()).toEqual(["the receiver takes only smaller batches"]);
  });

  it("is set aside at once when it is one large row that is called too large", async () => {
    const { sender, deliver, live, kinds } = stageOf();
    sender.answer = () => failure("FUSTOR_BATCH_TOO_LARGE");
    await deliver(live(longPath(5_000)));
    expect([sender.sent.length, kinds()]).toEqual([1, ["row refused"]]);
  });

  it("gets six more chances when it is small and called too large, each after a pause", async () => {
    const { clock, sender, deliver, live, kinds } = stageOf();
    sender.answer = () => failure("FUSTOR_BATCH_TOO_LARGE");
    const outcome = deliver(live("/a"));
    await clock.passTo(60_000);
    expect(await outcome).toBe(true);
    expect(sender.times).toEqual([0, 500, 1_500, 3_500, 7_500, 11_500, 15_500]);
    expect(kinds()).toEqual([...Array(6).fill("call failed"), "row refused"]);
  });

  it("of exactly 4 KiB is not small", async () => {
    const { sender, deliver, live } = stageOf();
    const batch = live(longPath(4096 - live("/").sizeBytes()));
    expect(batch.sizeBytes()).toBe(4096);
    sender.answer = () => failure("FUSTOR_BATCH_TOO_LARGE");
    await deliver(batch);
    expect(sender.sent.length).toBe(1);
  });

  it("is set aside without further chances when a failure is to be the end", async () => {
    const { sender, delivery, deliver, live, kinds } = stageOf();
    sender.answer = () => failure("FUSTOR_BATCH_TOO_LARGE");
    delivery.failFast();
    expect(await deliver(live("/a"))).toBe(true);
    expect([sender.sent.length, kinds()]).toEqual([1, ["row refused"]]);
  });

  it("gets the longest pause and one chance after a hundred others with nothing accepted in between", async () => {
    const { clock, sender, deliver, live, kinds } = stageOf();
    sender.answer = () => failure("FUSTOR_BATCH_REFUSED");
    const outcome = deliver(...Array.from({ length: 102 }, (_, i) => live(`/${i}`)));
    await clock.passTo(60_000);
    await outcome;
    expect(sender.times.slice(99)).toEqual([0, 0, 8_000, 8_000, 16_000]);
    expect(kinds().slice(99)).toEqual(["row refused", "call failed", "row refused", "call failed", "row refused"]);
  });

  it("is judged anew after a batch was accepted", async () => {
    const { sender, deliver, live } = stageOf();
    const refuse = (): void => {
      sender.answer = (paths) => (paths[0] === "/good" ? undefined : failure("FUSTOR_BATCH_REFUSED"));
    };
    refuse();
    await deliver(...Array.from({ length: 100 }, (_, i) => live(`/${i}`)));
    await deliver(live("/good"), live("/last"));
    expect(sender.sent.slice(-2)).toEqual(["/good", "/last"]);
  });

  it("waits no longer than a wake or an abort between its chances", async () => {
    const { clock, sender, delivery, deliver, live, stop } = stageOf();
    sender.answer = () => failure("FUSTOR_BATCH_TOO_LARGE");
    const outcome = deliver(live("/a"));
    await clock.passTo(10);
    delivery.wake();
    await clock.passTo(20);
    expect(sender.times).toEqual([0, 10]);
    stop.abort();
    await expect(outcome).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
  });
});

describe("what the receiver takes again after it took less", () => {
  it("is learnt from what it accepts", async () => {
    const { sender, deliver, limits, context, stop, delivery } = stageOf();
    const row = { path: "/a", file_name: "n".repeat(30_000) };
    const bulk = (rows: number): BulkBatch => new BulkBatch("snapshot", [], Array(rows).fill(row), 1, context);
    sender.answer = failing(1, failure("FUSTOR_BATCH_TOO_LARGE"));
    await delivery.deliver([bulk(2)], { signal: stop.signal });
    expect(limits.isReduced).toBe(true);
    await deliver(bulk(3));
    expect(limits.bytes).toBe(bulk(3).sizeBytes());
  });
});
