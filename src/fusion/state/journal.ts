/**
 * The commands since a checkpoint, as frames, in a file that grows. The file begins with the length up to which its
 * frames were acknowledged: up to there every byte must be right, and what stands behind was never answered.
 */
import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { type Frame, framePieces, readFrames, UnusableState, writeWhole } from "./frames.ts";

const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = constants;

/** The length (8 bytes) and the CRC-32 of these 8 bytes. */
const SEAL_BYTES = 12;
/** The system takes at most so many pieces at once. */
const MOST_PIECES = 1024;

function sealOf(length: number): Buffer {
  const seal = Buffer.alloc(SEAL_BYTES);
  seal.writeBigUInt64LE(BigInt(length), 0);
  seal.writeUInt32LE(crc32(seal.subarray(0, 8)), 8);
  return seal;
}

export class Journal {
  readonly #handle: FileHandle;
  readonly #failed: (error: Error) => void;
  #queue: Uint8Array[] = [];
  #backlog = 0;
  #end: number;
  /** The writing that is under way, and the one after it, which takes all that waits by then. */
  #running: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;
  #broken = false;

  private constructor(handle: FileHandle, end: number, failed: (error: Error) => void) {
    this.#handle = handle;
    this.#end = end;
    this.#failed = failed;
  }

  /**
   * A new file whose first frame is `head`, on the disk when this resolves; the folder is the caller's to sync. It has its
   * name from the moment on at which it is whole: `draft` is its name before.
   */
  static async create(path: string, draft: string, head: object, failed: (error: Error) => void): Promise<Journal> {
    const handle = await open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    try {
      const end = await writeWhole(handle, framePieces(head), SEAL_BYTES);
      await writeWhole(handle, [sealOf(end)], 0);
      await handle.sync();
      await rename(draft, path);
      return new Journal(handle, end, failed);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes that are written. */
  get length(): number {
    return this.#end;
  }

  /** Bytes that wait for the disk, and stay in memory until then. */
  get backlog(): number {
    return this.#backlog;
  }

  /** Nothing is written before that has settled: what is missing in an earlier journal must not be followed by more. */
  follow(earlier: Promise<void> | undefined): void {
    this.#running = earlier;
  }

  append(head: object, body?: Uint8Array): void {
    if (this.#broken) return;
    for (const piece of framePieces(head, body)) {
      this.#queue.push(piece);
      this.#backlog += piece.length;
    }
    this.#waiting ??= this.#afterRunning();
  }

  /** Resolves when everything so far is written, or cannot be; undefined when it is already. */
  settled(): Promise<void> | undefined {
    return this.#waiting ?? this.#running;
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#handle.close();
  }

  async #afterRunning(): Promise<void> {
    await this.#running;
    const mine = this.#waiting;
    this.#running = mine;
    this.#waiting = undefined;
    const pieces = this.#queue.splice(0);
    await this.#writeAll(pieces);
    for (const { length } of pieces) this.#backlog -= length;
    if (this.#running === mine) this.#running = undefined;
  }

  async #writeAll(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#broken) return;
    try {
      let end = this.#end;
      for (let at = 0; at < pieces.length; at += MOST_PIECES) {
        end = await writeWhole(this.#handle, pieces.slice(at, at + MOST_PIECES), end);
      }
      await writeWhole(this.#handle, [sealOf(end)], 0);
      this.#end = end;
    } catch (error) {
      this.#broken = true;
      this.#queue = [];
      this.#failed(error as Error);
    }
  }
}

/** The acknowledged frames of a journal, its head among them. Throws {@link UnusableState}. */
export async function* readJournal(path: string): AsyncGenerator<Frame> {
  const handle = await open(path, O_RDONLY | O_NOFOLLOW);
  try {
    const { size } = await handle.stat();
    const seal = Buffer.alloc(SEAL_BYTES);
    const { bytesRead } = await handle.read(seal, 0, SEAL_BYTES, 0);
    if (bytesRead < SEAL_BYTES || seal.readUInt32LE(8) !== crc32(seal.subarray(0, 8))) {
      throw new UnusableState("it is damaged: it does not say how long it is");
    }
    const end = Number(seal.readBigUInt64LE(0));
    if (end > size) throw new UnusableState("it is shorter than what was acknowledged");
    yield* readFrames(handle, SEAL_BYTES, end);
  } finally {
    await handle.close();
  }
}
