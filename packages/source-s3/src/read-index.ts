/** Reads the index of an earlier run. */
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { idIn, LinePlayer } from "./index-lines.ts";
import { Model } from "./model.ts";

const HEAD_BYTES = 32;
const NEWLINE = 10;
/** A frame is written when it has 4 MiB, after the page of a listing that made it so large. */
const MOST_FRAME_BYTES = 64 << 20;

export interface FoundIndex {
  readonly id: string;
  readonly model: Model;
  /** Up to here the file is whole. */
  readonly bytes: number;
  readonly lines: number;
}

/** Undefined when there is none, of another scope. Throws when it is damaged. */
export async function readIndex(path: string, scope: string): Promise<FoundIndex | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as { readonly code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return await readFrames(file, scope);
  } finally {
    await file.close();
  }
}

async function readFrames(file: FileHandle, scope: string): Promise<FoundIndex | undefined> {
  const { size } = await file.stat();
  const model = new Model();
  const player = new LinePlayer(model);
  let id: string | undefined;
  let [bytes, lines] = [0, 0];
  for (;;) {
    const frame = await frameAt(file, bytes, size);
    if (frame === undefined) break;
    const found = frame.text.split("\n");
    if (id === undefined) {
      id = idIn(found.shift() ?? "", scope);
      if (id === undefined) return undefined;
      lines++;
    }
    for (const line of found) player.play(line);
    lines += found.length;
    bytes = frame.end;
  }
  player.baseEnded();
  return id === undefined ? undefined : { id, model, bytes, lines };
}

/** Undefined at the end, also at one that cuts a frame short. */
async function frameAt(file: FileHandle, at: number, size: number): Promise<{ text: string; end: number } | undefined> {
  if (at >= size) return undefined;
  const head = Buffer.alloc(Math.min(HEAD_BYTES, size - at));
  await readAll(file, head, at);
  const line = head.indexOf(NEWLINE);
  const [, length, checksum] = /^(\d+) (\d+)$/.exec(head.toString("latin1", 0, Math.max(line, 0))) ?? [];
  if (length === undefined) {
    if (at + HEAD_BYTES >= size && line < 0 && /^[\d ]*$/.test(head.toString("latin1"))) return undefined;
    throw new SyntaxError("a frame of the index has no head");
  }
  const end = at + line + 1 + Number(length) + 1;
  if (end > size) {
    await assertLast(file, at + line, size);
    return undefined;
  }
  const whole = Buffer.alloc(Number(length) + 1);
  await readAll(file, whole, at + line + 1);
  const body = whole.subarray(0, -1);
  if (crc32(body) !== Number(checksum) || whole.at(-1) !== NEWLINE)
    throw new SyntaxError("a frame of the index is damaged");
  return { text: body.toString(), end };
}

/** Only the last frame is cut short by a crash: where another one follows, the length is damaged. */
async function assertLast(file: FileHandle, from: number, size: number): Promise<void> {
  const rest = Buffer.alloc(Math.min(size - from, MOST_FRAME_BYTES));
  await readAll(file, rest, from);
  // Lines of a frame begin with a sign.
  if (rest.length < size - from || /\n\d+ \d+\n/.test(rest.toString("latin1", 1))) {
    throw new SyntaxError("the length of a frame of the index is damaged");
  }
}

async function readAll(file: FileHandle, buffer: Buffer, at: number): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, at + done);
    if (bytesRead === 0) throw new SyntaxError("the index ends early");
    done += bytesRead;
  }
}
