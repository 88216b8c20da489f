/**
 * The form of the files that keep a Fusion's state: frames one after the other.
 *
 * A frame is the length of its content (4 bytes), the CRC-32 of its content (4 bytes), and the content: the length of
 * its head (4 bytes), the head as JSON, and the body. Numbers have their lowest byte first.
 */
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";

export interface Frame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** The file does not hold what was written into it, or was not written by us. */
export class UnusableState extends Error {}

const PREFIX_BYTES = 8;
const HEAD_LENGTH_BYTES = 4;

/** The pieces of a frame, to be written one after the other. The body is not copied. */
export function framePieces(head: object, body?: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(head));
  const front = Buffer.allocUnsafe(PREFIX_BYTES + HEAD_LENGTH_BYTES + text.length);
  front.writeUInt32LE(text.length, PREFIX_BYTES);
  text.copy(front, PREFIX_BYTES + HEAD_LENGTH_BYTES);
  const sum = crc32(front.subarray(PREFIX_BYTES));
  front.writeUInt32LE(front.length - PREFIX_BYTES + (body?.length ?? 0), 0);
  front.writeUInt32LE(body === undefined ? sum : crc32(body, sum), 4);
  return body === undefined || body.length === 0 ? [front] : [front, body];
}

/** The frames from one offset to another. Throws {@link UnusableState}. */
export async function* readFrames(handle: FileHandle, from: number, to: number): AsyncGenerator<Frame> {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  for (let at = from; at < to; ) {
    await readWhole(handle, prefix, at, to);
    const length = prefix.readUInt32LE(0);
    at += PREFIX_BYTES;
    if (length < HEAD_LENGTH_BYTES || at + length > to) throw new UnusableState("it is cut or damaged");
    const content = Buffer.allocUnsafe(length);
    await readWhole(handle, content, at, to);
    at += length;
    if (crc32(content) !== prefix.readUInt32LE(4)) throw new UnusableState("it is damaged: a checksum is wrong");
    yield parsed(content);
  }
}

function parsed(content: Buffer): Frame {
  const bodyAt = HEAD_LENGTH_BYTES + content.readUInt32LE(0);
  if (bodyAt > content.length) throw new UnusableState("it is damaged: a frame has no such head");
  try {
    const head = JSON.parse(content.toString("utf8", HEAD_LENGTH_BYTES, bodyAt)) as Frame["head"];
    return { head, body: content.subarray(bodyAt) };
  } catch {
    throw new UnusableState("it is damaged: a head is no JSON");
  }
}

async function readWhole(handle: FileHandle, into: Buffer, at: number, to: number): Promise<void> {
  if (at + into.length > to) throw new UnusableState("it is cut or damaged");
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) throw new UnusableState("it is cut");
    done += bytesRead;
  }
}

/** Writes all of it at an offset and returns the offset behind it. */
export async function writeWhole(handle: FileHandle, pieces: readonly Uint8Array[], at: number): Promise<number> {
  let left = pieces;
  let to = at;
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left, to);
    to += bytesWritten;
    left = behind(left, bytesWritten);
  }
  return to;
}

/** What is left of the pieces behind so many bytes. */
function behind(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  for (const [at, piece] of pieces.entries()) {
    if (skip < piece.length) return [piece.subarray(skip), ...pieces.slice(at + 1)];
    skip -= piece.length;
  }
  return [];
}
