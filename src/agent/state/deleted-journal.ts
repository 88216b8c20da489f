/**
 * The keys whose delete was sent, on the disk: one journal per pipe.
 *
 * Every call is one `write()` of one line before the rows go out: that survives the death of the process, and needs no
 * sync. Once most of the file is history it is written anew beside and takes the old one's place; lines that come
 * meanwhile go to both.
 *
 * A journal that cannot be read means that nobody knows what was deleted: `load` says so, the file is set aside, and
 * the new one says the same until the pipe replaces it. A journal that cannot be written is said once and written anew
 * as soon as that works.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { describeError, type Logger } from "../../sdk/index.ts";
import type { DeletedKeys, DeletedStore } from "../../sdk/state-store.ts";
import {
  type DeletedState,
  forgetLine,
  headerLine,
  noteLine,
  nothingDeleted,
  readJournal,
  replaceLine,
} from "./deleted-keys-text.ts";
import { APPEND, ensureFolder, ensureFolderSync, readOwnFile, syncFolder, temporaryOf } from "./durable-file.ts";

/** A pipe keeps 200,000 at most; what goes far beyond would only fill the disk and counts as "everything". */
const MAX_KEYS = 250_000;
const KEYS_A_LINE = 1000;
/** So much history is tolerated whatever the journal holds. */
const SMALL_BYTES = 1024 * 1024;
const RETRY_MS = 10_000;

export interface DeletedJournalOptions {
  readonly path: string;
  /** The receiver to which the deletes were sent: another one knows nothing of them. */
  readonly receiver: string;
  readonly logger: Logger;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

export class DeletedJournal implements DeletedStore {
  readonly #options: DeletedJournalOptions;
  #state: DeletedState = nothingDeleted();
  #descriptor: number | undefined;
  /** Bytes appended since the file was last written anew. */
  #history = 0;
  #wholeBytes = 0;
  /** Lines for the file that is being written anew. */
  #meanwhile: string[] | undefined;
  #rewriting: Promise<void> = Promise.resolve();
  /** The file misses something, or is not there yet. */
  #stale = true;
  #retryAt = Number.NEGATIVE_INFINITY;
  #complained = false;
  #closed = false;

  constructor(options: DeletedJournalOptions) {
    this.#options = options;
  }

  async load(): Promise<DeletedKeys | undefined> {
    const { path, receiver, logger } = this.#options;
    let text: string;
    try {
      text = await readOwnFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return this.#known();
      return this.#lose(describeError(error));
    }
    const reading = readJournal(text);
    if (reading.kind === "unusable") return this.#lose(reading.reason);
    if (reading.receiver === receiver) this.#state = reading.state;
    else logger.info({}, "the deletes on record were told to another receiver: they are forgotten");
    this.#bound();
    await this.#rewrite();
    return this.#known();
  }

  note(keys: readonly string[]): void {
    if (this.#state.everything) return;
    const news = keys.filter((key) => !this.#state.keys.has(key));
    if (news.length === 0) return;
    for (const key of news) this.#state.keys.add(key);
    if (this.#bound()) this.#append(replaceLine(true, [], []));
    else this.#append(noteLine(news));
  }

  forget(keys: readonly string[]): void {
    const gone = keys.filter((key) => this.#state.keys.delete(key));
    if (gone.length > 0) this.#append(forgetLine(gone));
  }

  replace({ keys, directories, everything }: DeletedKeys): void {
    this.#state = { keys: new Set(keys), directories: new Set(directories), everything };
    this.#append(replaceLine(everything, directories, keys));
  }

  /** Resolves when nothing is written any more. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#rewriting;
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #known(): DeletedKeys {
    const { keys, directories, everything } = this.#state;
    return { keys: [...keys], directories: [...directories], everything };
  }

  async #lose(reason: string): Promise<undefined> {
    const { path, logger } = this.#options;
    logger.warn({ file: path }, `it is unknown what was deleted, the journal is set aside: ${reason}`);
    await rename(path, `${path}.bad`).catch((error: unknown) => this.#complain(error));
    this.#state = { ...nothingDeleted(), everything: true };
    await this.#rewrite();
    return undefined;
  }

  /** True when there are too many keys by now, and nothing is known one by one any more. */
  #bound(): boolean {
    if (this.#state.keys.size <= MAX_KEYS) return false;
    this.#state = { ...nothingDeleted(), everything: true };
    return true;
  }

  #append(line: string): void {
    if (this.#closed) return;
    this.#meanwhile?.push(line);
    if (this.#stale || this.#descriptor === undefined) {
      // The whole state goes to the disk instead, this line's news with it.
      if (this.#meanwhile === undefined) this.#writeWhole();
      return;
    }
    try {
      this.#history += writeAll(this.#descriptor, line);
    } catch (error) {
      this.#stale = true;
      this.#complain(error);
      return;
    }
    const tolerated = Math.max(SMALL_BYTES, 2 * this.#wholeBytes);
    if (this.#history > tolerated && this.#meanwhile === undefined) void this.#rewrite();
  }

  /** At once and in one go: for the first line of a new journal, and after trouble. */
  #writeWhole(): void {
    const { path, now } = this.#options;
    if (now() < this.#retryAt) return;
    const temporary = temporaryOf(path);
    let descriptor: number | undefined;
    try {
      ensureFolderSync(dirname(path));
      descriptor = openSync(temporary, "wx", 0o600);
      for (const line of this.#lines()) writeAll(descriptor, line);
      renameSync(temporary, path);
      this.#take(descriptor);
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor);
      removeQuietly(temporary);
      this.#retryAt = now() + RETRY_MS;
      this.#complain(error);
    }
  }

  #rewrite(): Promise<void> {
    this.#rewriting = this.#writeAnew();
    return this.#rewriting;
  }

  /** The same without holding anybody up. */
  async #writeAnew(): Promise<void> {
    const { path, now } = this.#options;
    const lines = this.#lines();
    const meanwhile: string[] = [];
    this.#meanwhile = meanwhile;
    const temporary = temporaryOf(path);
    let handle: FileHandle | undefined;
    try {
      await ensureFolder(dirname(path));
      handle = await open(temporary, "wx", 0o600);
      for (const line of lines) await handle.write(line);
      await handle.sync();
      // No pause between what came meanwhile and the change of files: nothing may go to the old one only.
      const descriptor = openSync(temporary, APPEND, 0o600);
      try {
        for (const line of meanwhile) writeAll(descriptor, line);
        renameSync(temporary, path);
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
      this.#take(descriptor);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      this.#stale = true;
      this.#retryAt = now() + RETRY_MS;
      this.#complain(error);
    } finally {
      if (this.#meanwhile === meanwhile) this.#meanwhile = undefined;
      await handle?.close().catch(() => undefined);
    }
  }

  #take(descriptor: number): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#meanwhile = undefined;
    this.#stale = false;
    this.#history = 0;
    this.#complained = false;
  }

  /** The whole state as lines, taken now. */
  #lines(): readonly string[] {
    const { keys, directories, everything } = this.#state;
    const lines = [headerLine(this.#options.receiver)];
    if (everything || directories.size > 0) lines.push(replaceLine(everything, [...directories], []));
    const all = [...keys];
    for (let at = 0; at < all.length; at += KEYS_A_LINE) lines.push(noteLine(all.slice(at, at + KEYS_A_LINE)));
    this.#wholeBytes = lines.reduce((sum, line) => sum + line.length, 0);
    return lines;
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const { path, logger } = this.#options;
    logger.warn({ file: path }, `what was deleted is not on record at the moment: ${describeError(error)}`);
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The sweep at the next start takes it.
  }
}

function writeAll(descriptor: number, line: string): number {
  const bytes = Buffer.from(line);
  let written = 0;
  while (written < bytes.byteLength) written += writeSync(descriptor, bytes, written);
  return written;
}
