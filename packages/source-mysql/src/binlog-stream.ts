/**
 * The server's log as it is written: events in their order, pulled, with the socket paused while too many wait.
 *
 * The library sends what it has decoded to a listener and knows no pause of its own; that of its connection is used, as
 * it does itself while it looks for columns.
 */

import ZongJi, { type AnyBinlogEvent } from "@vlasky/zongji";
import { Signal } from "fustor-agent/sdk";
import type { ConnectionOptions } from "mysql2";
import { SESSION } from "./connect.ts";
import { unavailable } from "./failures.ts";
import { Queue } from "./queue.ts";

const PAUSE_BYTES = 8 << 20;
const RESUME_BYTES = 2 << 20;
/** The server speaks at least this often, so that a connection that is dead shows. */
const HEARTBEAT_S = 10;
const SILENCE_MS = 60_000;
const LOOK_MS = 5_000;
/** What an event costs beside its bytes. */
const EVENT_BYTES = 200;

const EVENTS = [
  ...["rotate", "gtid", "mariadbgtid", "anonymousgtid", "query", "xid", "xaprepare", "heartbeat"],
  ...["tablemap", "writerows", "updaterows", "deleterows"],
];

export interface StreamOptions {
  readonly config: ConnectionOptions;
  readonly readerId: number;
  /** The transactions that are not to come again. */
  readonly gtids: string;
  readonly database: string;
  /** Absent: all of them. */
  readonly tables?: readonly string[];
}

export class BinlogStream {
  readonly #reader: ZongJi;
  readonly #options: StreamOptions;
  readonly #news = new Signal();
  readonly #waiting = new Queue<AnyBinlogEvent>();
  #bytes = 0;
  #isPaused = false;
  #heardAt = performance.now();
  #failure: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#reader = new ZongJi(options.config);
  }

  /** Resolves when the server has been asked for its log. What it answers comes with `take`. */
  async begin(signal: AbortSignal): Promise<void> {
    const { readerId: serverId, gtids: gtidSet, database, tables } = this.#options;
    const begun = new Signal();
    this.#reader.on("error", (error) => {
      this.#fail(error);
      begun.raise();
    });
    this.#reader.on("ready", () => begun.raise());
    this.#reader.on("binlog", (event) => this.#heard(event));
    const includeSchema = { [database]: tables === undefined ? (true as const) : [...tables] };
    this.#reader.start({ serverId, gtidSet, includeEvents: EVENTS, includeSchema });
    this.#prepareSession();
    await begun.wait(signal);
    if (this.#failure !== undefined) throw this.#failure;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Before the library's own commands on this connection, which wait for what it asks on another one. */
  #prepareSession(): void {
    const connection = this.#reader.connection;
    const fail = (error: Error | null): void => {
      if (error !== null) this.#fail(error);
    };
    const period = HEARTBEAT_S * 1e9;
    connection?.query(SESSION, fail);
    connection?.query(`SET @master_heartbeat_period = ${period}, @source_heartbeat_period = ${period}`, fail);
    connection?.on("end", () => this.#fail(unavailable("the server ended the connection")));
  }

  #heard(event: AnyBinlogEvent): void {
    this.#heardAt = performance.now();
    if (event.getTypeName() === "Heartbeat") return;
    this.#waiting.add(event);
    this.#bytes += event.size + EVENT_BYTES;
    if (this.#bytes > PAUSE_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#reader.connection?.pause();
    }
    this.#news.raise();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#news.raise();
  }

  #look(): void {
    if (this.#isPaused || performance.now() - this.#heardAt < SILENCE_MS) return;
    this.#fail(unavailable(`the server has been silent for ${SILENCE_MS / 1000} s`));
  }

  /** The next event; undefined when none waits. Throws the failure of the stream once nothing waits. */
  take(): AnyBinlogEvent | undefined {
    const event = this.#waiting.take();
    if (event === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      return undefined;
    }
    this.#bytes -= event.size + EVENT_BYTES;
    if (this.#isPaused && this.#bytes < RESUME_BYTES) {
      this.#isPaused = false;
      this.#heardAt = performance.now();
      this.#reader.connection?.resume();
    }
    return event;
  }

  /** Whether the event that comes next is of this type. */
  isNext(type: string): boolean {
    return this.#waiting.first?.getTypeName() === type;
  }

  /** Resolves when `take` may have something, or the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return this.#news.wait(signal);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#reader.stop();
  }
}
