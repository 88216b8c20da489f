import { closeSync, openSync, writeSync } from "node:fs";
import { describeError } from "../sdk/index.ts";

const REOPEN_AFTER_MS = 10_000;

export interface LogFileOptions {
  readonly path: string;
  /** Gets one line when the file fails for the first time; again only after {@link LogFile.reopen}. */
  readonly complain: (line: string) => void;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/**
 * Appends lines to a file, at once, so that nothing is left to flush when the process ends in whatever way.
 * A file that cannot be written costs its lines and never throws: it is tried again with every line, or every
 * 10 s when it does not even open.
 */
export class LogFile {
  readonly #options: LogFileOptions;
  #descriptor: number | undefined;
  #nextOpenAt = Number.NEGATIVE_INFINITY;
  #complained = false;
  #tornLine = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#open();
  }

  write(line: string): void {
    if (this.#descriptor === undefined && this.#options.now() >= this.#nextOpenAt) this.#open();
    if (this.#descriptor === undefined) return;
    // A line cut off by a full disk must not swallow the next one.
    const bytes = Buffer.from(this.#tornLine ? `\n${line}` : line);
    let written = 0;
    try {
      while (written < bytes.byteLength) written += writeSync(this.#descriptor, bytes, written);
      this.#tornLine = false;
    } catch (error) {
      this.#tornLine ||= written > 0;
      this.#fail(error);
    }
  }

  /** Opens the path anew, for whoever moved the file away. */
  reopen(): void {
    this.close();
    this.#complained = false;
    this.#tornLine = false;
    this.#open();
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    this.#nextOpenAt = Number.POSITIVE_INFINITY;
    try {
      closeSync(descriptor);
    } catch (error) {
      this.#fail(error);
    }
  }

  #open(): void {
    try {
      this.#descriptor = openSync(this.#options.path, "a", 0o600);
    } catch (error) {
      this.#nextOpenAt = this.#options.now() + REOPEN_AFTER_MS;
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#options.complain(
      `cannot write the log ${this.#options.path}: ${describeError(error)}; going on without it\n`,
    );
  }
}
