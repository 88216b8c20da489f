/** A tar archive of a few small files, gzipped: the format of POSIX (ustar), read by every tar. */
import { gzipSync } from "node:zlib";

export interface PackedFile {
  /** At most 99 ASCII characters. */
  readonly name: string;
  readonly text: string;
}

const BLOCK = 512;
const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, "0")}\0`;

function headerOf(name: string, size: number, seconds: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const fields = [name.padEnd(100, "\0"), octal(0o600, 8), octal(0, 8), octal(0, 8), octal(size, 12)];
  header.write(
    [...fields, octal(seconds, 12), " ".repeat(8), "0", "\0".repeat(100), "ustar\0", "00"].join(""),
    "latin1",
  );
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

export function tarGz(files: readonly PackedFile[], at: Date): Buffer {
  const blocks = files.flatMap(({ name, text }) => {
    const body = Buffer.from(text);
    const padding = Buffer.alloc((BLOCK - (body.byteLength % BLOCK)) % BLOCK);
    return [headerOf(name, body.byteLength, Math.floor(at.getTime() / 1000)), body, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
}
