import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { describeError } from "../sdk/index.ts";
import { rotateFiles } from "./log-rotation.ts";

const REOPEN_AFTER_MS = 10_000;
/** How often a write checks that its file is still at the path. */
const LOOK_EVERY_MS = 5_000;
/**
 * Lines are appended, and links are not followed: a user who may write into the folder must not choose the file that
 * the agent writes.
 */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** How large a log may grow, and how many older ones are kept. */
export interface LogBounds {
  /** A file that would grow beyond it is renamed, and a new one begins. 0 = no bound. */
  readonly maxBytes: number;
  /** `x.log.1` to `x.log.N` are kept. 0 = old lines are dropped. */
  readonly keepFiles: number;
}

export interface LogFileOptions extends LogBounds {
  readonly path: string;
  /** Gets one line when the file fails for the first time, and another one only after {@link LogFile.reopen}. */
  readonly complain: (line: string) => void;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  /** Gets the descriptor of each file that was opened, for streams that have to follow it. */
  readonly onOpened?: (descriptor: number) => void;
}

/**
 * Appends lines to a file at once, so that nothing is left to flush when the process ends, in whatever way. When the
 * file cannot be written, lines are lost and nothing throws: each further line is another attempt, or each 10 s one
 * when the file cannot even be opened. It notices within 5 s that the file was moved away or removed, and opens the
 * path again.
 */
export class LogFile {
  readonly #options: LogFileOptions;
  #descriptor: number | undefined;
  #sizeBytes = 0;
  #nextOpenAt = Number.NEGATIVE_INFINITY;
  #nextLookAt = 0;
  #complained = false;
  #tornLine = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#open();
  }

  write(line: string): void {
    const now = this.#options.now();
    if (this.#descriptor === undefined && now >= this.#nextOpenAt) this.#open();
    else if (now >= this.#nextLookAt) this.#reopenWhenMoved(now);
    // A line that a full disk cut off must not merge with the next one.
    const bytes = Buffer.from(this.#tornLine ? `\n${line}` : line);
    this.#rotateFor(bytes.byteLength);
    if (this.#descriptor === undefined) return;
    let written = 0;
    try {
      while (written < bytes.byteLength) written += writeSync(this.#descriptor, bytes, written);
      this.#tornLine = false;
    } catch (error) {
      this.#tornLine ||= written > 0;
      this.#fail(error);
    }
    this.#sizeBytes += written;
  }

  /** Opens the path again, after the file was moved away. */
  reopen(): void {
    if (this.#nextOpenAt === Number.POSITIVE_INFINITY) return;
    this.#complained = false;
    this.#openAnew();
  }

  /** It cannot be opened again. */
  close(): void {
    this.#closeFile();
    this.#nextOpenAt = Number.POSITIVE_INFINITY;
  }

  #openAnew(): void {
    this.#closeFile();
    this.#tornLine = false;
    this.#open();
  }

  #closeFile(): void {
    if (this.#descriptor === undefined) return;
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    try {
      closeSync(descriptor);
    } catch (error) {
      this.#fail(error);
    }
  }

  #open(): void {
    const { path, now, onOpened } = this.#options;
    this.#nextLookAt = now() + LOOK_EVERY_MS;
    try {
      this.#descriptor = openSync(path, OPEN_FLAGS, 0o600);
      const stats = fstatSync(this.#descriptor);
      this.#sizeBytes = stats.isFile() ? stats.size : Number.NEGATIVE_INFINITY;
      onOpened?.(this.#descriptor);
    } catch (error) {
      this.#nextOpenAt = now() + REOPEN_AFTER_MS;
      this.#fail(error);
    }
  }

  #reopenWhenMoved(now: number): void {
    this.#nextLookAt = now + LOOK_EVERY_MS;
    if (this.#descriptor === undefined) return;
    try {
      const open = fstatSync(this.#descriptor);
      const there = statSync(this.#options.path, { throwIfNoEntry: false });
      // Another program may have cut it (copytruncate).
      if (open.isFile()) this.#sizeBytes = open.size;
      if (there?.ino !== open.ino || there.dev !== open.dev) this.#openAnew();
    } catch (error) {
      this.#fail(error);
    }
  }

  #rotateFor(bytes: number): void {
    const { path, maxBytes, keepFiles } = this.#options;
    if (maxBytes === 0 || this.#sizeBytes <= 0 || this.#sizeBytes + bytes <= maxBytes) return;
    try {
      rotateFiles(path, keepFiles);
      this.#openAnew();
    } catch (error) {
      // The next attempt comes after as many bytes again, not with each line.
      this.#sizeBytes = 0;
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
