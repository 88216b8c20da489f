/**
 * The model on disk: a file that is only added to, and written anew when most of it is out of date. What a listing found is in
 * it before the stream hands it over, so a run that was killed knows everything that the receiver may hold.
 *
 * The file is a row of frames: a line with the length and the CRC-32 of the text that follows. A frame that the end of
 * the file cuts short was never handed over and is dropped. Any other damage makes the index worthless: a new one has another
 * name, under which no receiver has a position.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import type { Logger } from "fustor-agent/sdk";
import { describeError } from "fustor-agent/sdk";
import { type IndexLines, lineOfDelete, lineOfPut, linesOf } from "./index-lines.ts";
import type { Facts, Model } from "./model.ts";

const FRAME_BYTES = 4 << 20;
/** Lines beyond twice the objects before the file is written anew. */
const SPARE_LINES = 20_000;

export class Journal {
  readonly #path: string | undefined;
  readonly #scope: string;
  readonly #logger: Logger;
  /** The name of the index: positions hold it. Undefined: nothing is kept, and no position can be told. */
  id: string | undefined;
  #file: FileHandle | undefined;
  #lines: string[] = [];
  #bytes = 0;
  /** A frame was written that a power cut may take. */
  #isUnsynced = false;
  /** Lines in the file, and where the next frame goes. */
  #written = 0;
  #position = 0;

  constructor(path: string | undefined, scope: string, logger: Logger) {
    this.#path = path;
    this.#scope = scope;
    this.#logger = logger;
  }

  /** Takes over a file that was read to its good end, or begins a new one. */
  async begin(
    found: { readonly id: string; readonly bytes: number; readonly lines: number } | undefined,
  ): Promise<void> {
    if (this.#path === undefined) return;
    try {
      this.#file = await open(this.#path, found === undefined ? "w" : "r+", 0o600);
      if (found === undefined) {
        this.id = randomUUID();
        this.#add(linesOf.header(this.id, this.#scope));
        return;
      }
      this.id = found.id;
      this.#written = found.lines;
      await this.#file.truncate(found.bytes);
      this.#position = found.bytes;
    } catch (error) {
      await this.#giveUp(error);
    }
  }

  #add(line: string): void {
    if (this.#file === undefined) return;
    this.#lines.push(line);
    this.#bytes += line.length;
  }

  put(key: string, facts: Facts, generation: number): void {
    this.#add(lineOfPut("+", key, facts, generation));
  }

  remove(key: string, generation: number): void {
    this.#add(lineOfDelete(key, generation));
  }

  /** Bounds the memory of a long listing. */
  async flushWhenLarge(): Promise<void> {
    if (this.#bytes >= FRAME_BYTES) await this.#write();
  }

  /** Everything so far is on disk, also after a power cut. */
  async flush(model: Model): Promise<void> {
    if (this.#lines.length > 0) await this.#write();
    if (!this.#isUnsynced) return;
    this.#isUnsynced = false;
    await this.#file?.datasync().catch((error: unknown) => this.#giveUp(error));
    if (this.#written > 2 * model.objects + SPARE_LINES) await this.rewrite(model);
  }

  async #write(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    this.#isUnsynced = true;
    this.#written += lines.length;
    try {
      if (this.#file !== undefined) this.#position = await writeFrame(this.#file, lines, this.#position);
    } catch (error) {
      await this.#giveUp(error);
    }
  }

  /** Without what is out of date. */
  async rewrite(model: Model): Promise<void> {
    if (this.#path === undefined || this.id === undefined) return;
    const fresh = `${this.#path}.new`;
    try {
      const file = await open(fresh, "w", 0o600);
      const { position, lines } = await writeAll(file, linesOf.model(this.id, this.#scope, model));
      await file.datasync();
      await rename(fresh, this.#path);
      await syncFolder(dirname(this.#path));
      await this.#file?.close();
      this.#file = file;
      this.#position = position;
      this.#written = lines;
    } catch (error) {
      await this.#giveUp(error);
    }
  }

  /** What is on disk is not what the receivers hold any more: no later run may go on from it. */
  async #giveUp(error: unknown): Promise<void> {
    this.#logger.warn(
      {},
      `the index of the bucket cannot be kept, the next start sends everything: ${describeError(error)}`,
    );
    this.id = undefined;
    await this.close();
    if (this.#path !== undefined) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#lines = [];
    await file?.close().catch(() => undefined);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeFrame(file: FileHandle, lines: readonly string[], position: number): Promise<number> {
  const body = Buffer.from(lines.join("\n"));
  const frame = Buffer.concat([Buffer.from(`${body.length} ${crc32(body)}\n`), body, Buffer.from("\n")]);
  let done = 0;
  while (done < frame.length) {
    done += (await file.write(frame, done, frame.length - done, position + done)).bytesWritten;
  }
  return position + frame.length;
}

async function writeAll(file: FileHandle, all: IndexLines): Promise<{ position: number; lines: number }> {
  let [position, lines, bytes] = [0, 0, 0];
  let group: string[] = [];
  for (const line of all) {
    group.push(line);
    bytes += line.length;
    lines++;
    if (bytes < FRAME_BYTES) continue;
    position = await writeFrame(file, group, position);
    group = [];
    bytes = 0;
  }
  return { position: group.length === 0 ? position : await writeFrame(file, group, position), lines };
}
