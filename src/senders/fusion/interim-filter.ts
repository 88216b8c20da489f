/**
 * Takes interim answers (1xx) out of what a connection says. HTTP has every client tolerate them in front of the real
 * answer, also when it asked for none; undici drops the connection at a `100 Continue`. A 101 is no interim answer: it
 * would end HTTP on this connection.
 */
import type { Socket } from "node:net";

/** The beginning of a status line, as far as it tells an interim answer from a real one. */
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d$/;
const HEAD_BYTES = "HTTP/1.1 100".length;
/**
 * Interim answers longer than this, all together, are no HTTP any more: they are handed on for the parser to refuse.
 */
const MAX_BYTES = 16 * 1024;

/** What is left of `bytes` behind interim answers; undefined: more has to come before that is known. */
export function withoutInterim(bytes: Buffer): Buffer | undefined {
  let rest = bytes;
  while (rest.byteLength > 0) {
    const head = rest.subarray(0, HEAD_BYTES).toString("latin1");
    if (!couldBegin(head)) return rest;
    if (head.length < HEAD_BYTES) return undefined;
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    rest = rest.subarray(end + 4);
  }
  return undefined;
}

/** A short text is filled up to a whole one: could it become an interim answer? */
const couldBegin = (head: string): boolean => INTERIM.test(head + "HTTP/1.1 100".slice(head.length));

export class InterimFilter {
  #isExpecting = false;
  #held: Buffer = Buffer.alloc(0);

  /** A request is about to be sent: the next bytes are the beginning of its answer. */
  expectAnswer(): void {
    this.#isExpecting = true;
    this.#held = Buffer.alloc(0);
  }

  /** From now on `read` of this socket hands out no interim answer. */
  watch(socket: Socket): void {
    const read = socket.read.bind(socket);
    socket.read = (size?: number): Buffer | null => {
      for (;;) {
        const chunk = read(size) as Buffer | null;
        if (chunk === null || !this.#isExpecting) return chunk;
        const bytes = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
        const rest = bytes.byteLength > MAX_BYTES ? bytes : withoutInterim(bytes);
        if (rest !== undefined) {
          this.#isExpecting = false;
          this.#held = Buffer.alloc(0);
          return rest;
        }
        this.#held = bytes;
      }
    };
  }
}
