/**
 * The rows that a receiver refuses whatever is done: `dead-letter/<pipe>.jsonl`, one JSON object a line, and one older
 * file `<pipe>.jsonl.1` when the first became too large.
 *
 * Written behind the pipe's back, in order: it never waits for the disk. What comes faster than the disk takes it is
 * counted in the next line; a file that cannot be written is said once.
 */
import { lstat, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { PoisonRow } from "../../pipe/pipe-options.ts";
import { describeError, type Logger } from "../../sdk/index.ts";
import { APPEND, ensureFolder } from "./durable-file.ts";

export const DEAD_LETTER_BYTES = 10 * 1024 * 1024;
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** A larger row is kept as its beginning. */
const MAX_ROW_CHARACTERS = 64 * 1024;

export interface DeadLetterOptions {
  readonly path: string;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly wallClock: () => number;
  /** Of each of the two files. Default {@link DEAD_LETTER_BYTES}. */
  readonly maxBytes?: number;
}

/** The line's members after the time. */
function describeRow({ phase, key, reason, row }: PoisonRow): object {
  if (row === undefined) return { phase, key, reason };
  if (row.length > MAX_ROW_CHARACTERS) return { phase, key, reason, row_text: row.slice(0, MAX_ROW_CHARACTERS) };
  try {
    return { phase, key, reason, row: JSON.parse(row) as unknown };
  } catch {
    return { phase, key, reason, row_text: row };
  }
}

export class DeadLetterFile {
  readonly #options: DeadLetterOptions;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #complained = false;

  constructor(options: DeadLetterOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.path;
  }

  add(row: PoisonRow): void {
    const time = new Date(this.#options.wallClock()).toISOString();
    const dropped = this.#dropped === 0 ? {} : { rows_not_kept_before: this.#dropped };
    const line = `${JSON.stringify({ time, ...describeRow(row), ...dropped })}\n`;
    if (this.#waitingBytes + line.length > MAX_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    this.#dropped = 0;
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#write();
  }

  /** Resolves when everything added is written, or was given up. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#append(lines);
        this.#complained = false;
      } catch (error) {
        this.#complain(error);
      }
    }
    this.#writing = undefined;
  }

  async #append(lines: readonly string[]): Promise<void> {
    const { path, maxBytes = DEAD_LETTER_BYTES } = this.#options;
    await ensureFolder(dirname(path));
    let size = await lstat(path).then(
      (stats) => stats.size,
      () => 0,
    );
    let handle = await open(path, APPEND, 0o600);
    try {
      for (const line of lines) {
        const bytes = Buffer.byteLength(line);
        if (size > 0 && size + bytes > maxBytes) {
          await handle.close();
          await rename(path, `${path}.1`);
          handle = await open(path, APPEND, 0o600);
          size = 0;
        }
        await handle.appendFile(line);
        size += bytes;
      }
    } finally {
      await handle.close();
    }
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const { path, logger } = this.#options;
    logger.warn({ file: path }, `refused rows are not kept: ${describeError(error)}`);
  }
}
