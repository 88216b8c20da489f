/**
 * The two streams of a command line, written with back-pressure and quiet when the reader goes away (`fustor-agent scan / | head`).
 */
import type { Writable } from "node:stream";

export interface TerminalStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** EIO: the terminal was closed. */
const NOBODY_READS = new Set(["EPIPE", "EIO", "ERR_STREAM_DESTROYED"]);

export class Terminal {
  readonly #out: TerminalStream;
  readonly #err: TerminalStream;
  readonly #closed = new AbortController();

  constructor(out: TerminalStream, err: TerminalStream) {
    this.#out = out;
    this.#err = err;
    out.on("error", (error: NodeJS.ErrnoException) => {
      if (NOBODY_READS.has(error.code ?? "")) this.#closed.abort();
      else throw error;
    });
    err.on("error", () => undefined);
  }

  /** Fires when whoever read our output has gone. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get isInteractive(): boolean {
    return this.#out.isTTY === true;
  }

  get columns(): number {
    return this.#out.columns ?? 80;
  }

  /** Resolves when the stream took it (the bytes may be reused then), or when nobody reads any more. */
  write(data: string | Uint8Array): Promise<void> {
    if (this.closed.aborted || data.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#out.write(data, () => resolve()));
  }

  line(text = ""): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** For errors and warnings. */
  complain(text: string): Promise<void> {
    return new Promise((resolve) => this.#err.write(`${text}\n`, () => resolve()));
  }
}
