/**
 * The stream of a slot: messages in the order in which the server sent them, pulled, with the socket paused while too
 * many wait.
 *
 * The library's own service is not used, only its parser: it tells of a heartbeat while earlier rows still wait, and such
 * a heartbeat must not be acknowledged.
 */
import { Signal } from "fustor-agent/sdk";
import type pg from "pg";
import { type Pgoutput, PgoutputPlugin } from "pg-logical-replication";
import { type Wire, wireOf } from "./connect.ts";
import { unavailable } from "./failures.ts";
import { quoted } from "./tables.ts";

/** The server has sent everything before this place. */
export interface Heartbeat {
  readonly kind: "heartbeat";
  readonly lsn: number;
  readonly wantsAnswer: boolean;
}

export type StreamItem =
  | { readonly kind: "message"; readonly message: Pgoutput.Message; readonly bytes: number }
  | Heartbeat;

const PAUSE_BYTES = 8 << 20;
const RESUME_BYTES = 2 << 20;
/** What was accepted is reported so often: after a crash the changes of about this time come again. */
const REPORT_MS = 500;
/** A report that says nothing new, at the latest: the server's default patience is 60 s. It is asked for an answer. */
const ALIVE_MS = 5_000;
const SILENCE_MS = 60_000;

const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
/** Microseconds from 1970 to 2000. */
const EPOCH = 946_684_800_000_000n;

export class ReplicationStream {
  readonly #client: pg.Client;
  readonly #wire: Wire;
  readonly #durableLsn: () => number;
  readonly #plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [] });
  readonly #news = new Signal();
  #waiting: Buffer[] = [];
  #next = 0;
  #bytes = 0;
  #isPaused = false;
  #heardAt = performance.now();
  #reportedAt = performance.now();
  #reportedLsn = 0;
  #failure: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** The client is one of `connect` with `replication`. `durableLsn`: what the server need not keep, 0 = unknown. */
  constructor(client: pg.Client, durableLsn: () => number) {
    this.#client = client;
    this.#wire = wireOf(client);
    this.#durableLsn = durableLsn;
  }

  /** Resolves when the server begins; rejects when it refuses. */
  async begin(slot: string, publication: string): Promise<void> {
    this.#wire.on("copyData", ({ chunk }) => this.#take(chunk));
    const names = quoted(publication).replaceAll("'", "''");
    const options = `proto_version '1', publication_names '${names}'`;
    const started = new Promise<void>((resolve) => this.#wire.once("replicationStart", resolve));
    const over = this.#client.query(`START_REPLICATION SLOT ${quoted(slot)} LOGICAL 0/0 (${options})`);
    const ended = over.then(
      () => this.#fail(unavailable("the server ended the stream")),
      (error: Error) => this.#fail(error),
    );
    await Promise.race([started, ended]);
    if (this.#failure !== undefined) throw this.#failure;
    this.#timer = setInterval(() => this.#tick(), REPORT_MS);
  }

  #take(chunk: Buffer): void {
    this.#heardAt = performance.now();
    // The client writes later messages over it.
    this.#waiting.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
    if (this.#bytes > PAUSE_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#wire.stream.pause();
    }
    this.#news.raise();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#news.raise();
  }

  #tick(): void {
    if (!this.#isPaused && performance.now() - this.#heardAt > SILENCE_MS) {
      this.#fail(unavailable(`the server has been silent for ${SILENCE_MS / 1000} s`));
    }
    const isSilent = performance.now() - this.#reportedAt >= ALIVE_MS;
    if (isSilent || this.#durableLsn() !== this.#reportedLsn) this.report(isSilent);
  }

  /** The next item that came; undefined when none waits. Throws the failure of the stream. */
  take(): StreamItem | undefined {
    for (;;) {
      const chunk = this.#waiting[this.#next];
      if (chunk === undefined) {
        this.#waiting = [];
        this.#next = 0;
        if (this.#failure !== undefined) throw this.#failure;
        return undefined;
      }
      this.#next += 1;
      this.#bytes -= chunk.length;
      if (this.#isPaused && this.#bytes < RESUME_BYTES) {
        this.#isPaused = false;
        this.#heardAt = performance.now();
        this.#wire.stream.resume();
      }
      const item = this.#itemOf(chunk);
      if (item !== undefined) return item;
    }
  }

  #itemOf(chunk: Buffer): StreamItem | undefined {
    if (chunk[0] === XLOG_DATA) {
      return { kind: "message", message: this.#plugin.parse(chunk.subarray(25)), bytes: chunk.length - 25 };
    }
    if (chunk[0] !== KEEPALIVE) return undefined;
    return { kind: "heartbeat", lsn: Number(chunk.readBigUInt64BE(1)), wantsAnswer: chunk[17] === 1 };
  }

  /** Resolves when `take` may have something, or the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return this.#news.wait(signal);
  }

  /** What the server need not keep. The server takes 0 for "nothing new". */
  report(wantsAnswer: boolean): void {
    this.#reportedLsn = this.#durableLsn();
    this.#reportedAt = performance.now();
    const lsn = BigInt(this.#reportedLsn);
    const message = Buffer.alloc(34);
    message[0] = "r".charCodeAt(0);
    for (const at of [1, 9, 17]) message.writeBigUInt64BE(lsn, at);
    message.writeBigUInt64BE(BigInt(Date.now()) * 1000n - EPOCH, 25);
    message[33] = wantsAnswer ? 1 : 0;
    if (!this.#wire.stream.destroyed) this.#wire.sendCopyFromChunk(message);
  }

  /** Says for the last time what was accepted. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#timer !== undefined) this.report(false);
  }
}
