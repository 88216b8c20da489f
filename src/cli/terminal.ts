/**
 * The two streams of a command line, written with back-pressure and quiet when the reader goes away (`fustor-agent scan
 * / | head`).
 */
import type { Writable } from "node:stream";
import { jsonForTerminal } from "./terminal-json.ts";

export interface TerminalStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** EIO: the terminal was closed. */
const NOBODY_READS = new Set(["EPIPE", "EIO", "ERR_STREAM_DESTROYED"]);

export class Terminal {
  readonly #out: TerminalStream;
  readonly #err: TerminalStream;
  readonly #closed = new AbortController();
  #failure: Error | undefined;

  constructor(out: TerminalStream, err: TerminalStream) {
    this.#out = out;
    this.#err = err;
    out.on("error", () => this.#closed.abort());
    err.on("error", () => undefined);
  }

  /** What made a write of ours impossible although somebody reads it: a full disk, mostly. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Fires when our output can go nowhere any more, mostly because whoever read it has gone. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get isInteractive(): boolean {
    return this.#out.isTTY === true;
  }

  get columns(): number {
    return this.#out.columns ?? 80;
  }

  get rows(): number {
    return this.#out.rows ?? 24;
  }

  /** Resolves when the stream took it (the bytes may be reused then), or when nobody reads any more. */
  write(data: string | Uint8Array): Promise<void> {
    if (this.closed.aborted || data.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#out.write(data, (error: NodeJS.ErrnoException | null | undefined) => {
        if (error != null && !NOBODY_READS.has(error.code ?? "")) this.#failure ??= error;
        resolve();
      });
    });
  }

  /** Whole lines of JSON. What goes to a file or a program is not touched. */
  json(lines: string | Uint8Array): Promise<void> {
    return this.write(this.isInteractive ? jsonForTerminal(lines) : lines);
  }

  line(text = ""): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** For errors and warnings. */
  complain(text: string): Promise<void> {
    return new Promise((resolve) => this.#err.write(`${text}\n`, () => resolve()));
  }
}
