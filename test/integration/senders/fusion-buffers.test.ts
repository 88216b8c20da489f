/**
 * The rows of an envelope lie in memory that its owner refills as soon as `push` has settled. Whatever happened to the
 * request, the receiver must never see a request that holds bytes written later.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RecordingReceiver, startRecordingReceiver } from "../../support/recording-receiver.ts";
import { bigRows, calm, envelopeOf, oneRow, senderTo, TASK } from "./fusion-fixture.ts";

/**
 * More than a socket takes at once on loopback, and little enough for the sender to keep its memory for the next batch.
 */
const SIZE = 15 * 1024 * 1024;
const POISON = "!".charCodeAt(0);

describe("row memory that is refilled after the push settled", () => {
  let receiver: RecordingReceiver;

  beforeEach(async () => {
    receiver = await startRecordingReceiver();
  });

  afterEach(() => receiver.close());

  /**
   * Pushes a huge batch to a receiver that does not read, settles it by `end`, refills the rows and lets the receiver
   * read.
   */
  async function refillAfter(end: "abort" | "timeout" | "close", gzip: boolean): Promise<void> {
    const { sender } = senderTo(receiver, end === "timeout" ? { timeoutMs: 500 } : {});
    const headers: Record<string, string> = gzip ? { "accept-encoding": "gzip" } : {};
    receiver.next("create", { kind: "answer", headers, body: { session_id: "s" } });
    await sender.createSession(TASK, calm());
    receiver.next("ingest", { kind: "stall" });
    const controller = new AbortController();
    const { slice, count } = bigRows(SIZE);
    const pushing = sender.push("s", envelopeOf({ kind: "encoded", slices: [slice], count }), controller).then(
      () => "resolved",
      () => "rejected",
    );
    await receiver.waitForArrival("ingest", 1);
    if (end === "abort") controller.abort();
    if (end === "close") await sender.close();
    expect(await pushing).toBe("rejected");
    slice.fill(POISON);
    receiver.readOn();
    const [request] = await receiver.waitFor("ingest", 1);
    if (!gzip) expect(request?.complete).toBe(false);
    if (!gzip || request?.complete) expect(request?.body.includes(POISON)).toBe(false);
    // The sender's own memory is not reused while the broken request may hold on to it either.
    if (end !== "close") {
      await sender.push("s", oneRow("/next"), calm());
      expect(receiver.of("ingest")[1]?.json()).toMatchObject({ events: [{ rows: [{ path: "/next" }] }] });
    }
    await sender.close();
  }

  it.each(["abort", "timeout", "close"] as const)("is never sent after an end by %s", (end) => refillAfter(end, false));

  it("is never sent after an abort of a compressed batch", () => refillAfter("abort", true));
});

/** Answers with success as soon as it has seen the head of a request, and reads the rest only when it is told to. */
class HastyServer {
  readonly #server: Server;
  readonly #chunks: Buffer[] = [];
  #socket: Socket | undefined;

  constructor() {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      socket.on("error", () => undefined);
      socket.once("data", (chunk) => {
        this.#chunks.push(chunk);
        socket.pause();
        socket.on("data", (more) => this.#chunks.push(more));
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"status":"ok"}');
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Everything that came until the other side closed. */
  async rest(): Promise<Buffer> {
    const socket = this.#socket;
    if (socket !== undefined && !socket.destroyed) {
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.resume();
      await closed;
    }
    return Buffer.concat(this.#chunks);
  }

  received(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  readOn(): void {
    this.#socket?.resume();
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }
}

describe("a receiver that acknowledges before it has read the batch", () => {
  it("still reads that batch and not what is written or sent next", async () => {
    const server = new HastyServer();
    const { sender } = senderTo({ url: await server.listen() }, { timeoutMs: 5000 });
    const { slice, count } = bigRows(SIZE);
    await sender.push("s", envelopeOf({ kind: "encoded", slices: [slice], count }), calm());
    const alreadyRead = server.received();
    slice.fill(POISON);
    const controller = new AbortController();
    const next = sender.push("s", oneRow(`/${"?".repeat(SIZE - 10_000)}`), controller).catch(() => undefined);
    expect(alreadyRead).toBeLessThan(SIZE);
    server.readOn();
    await expect.poll(() => server.received(), { timeout: 10_000 }).toBeGreaterThan(SIZE);
    controller.abort();
    await next;
    await sender.close();
    const seen = await server.rest();
    const head = seen.indexOf("\r\n\r\n") + 4;
    const length = Number(/content-length: (\d+)/.exec(seen.subarray(0, head).toString())?.[1]);
    const body = seen.subarray(head, head + length);
    expect(body.byteLength).toBe(length);
    expect(body.includes(POISON)).toBe(false);
    expect(body.includes("?")).toBe(false);
    expect(JSON.parse(body.toString()).events[0].rows).toHaveLength(count);
    server.close();
  });
});
