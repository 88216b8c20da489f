/**
 * Takes an unasked `100 Continue` out of what a connection says. HTTP has every client tolerate it in front of the real answer; undici
 * drops the connection. Other interim answers undici skips by itself.
 */
import type { Socket } from "node:net";

const MARK = /^HTTP\/1\.[01] 100(?: |\r|$)/;
/** The shortest text that tells a 100 from anything else. */
const MARK_BYTES = "HTTP/1.1 100 ".length;
/** Interim answers longer than this, all together, are no HTTP any more: they are handed on for the parser to refuse. */
const MAX_BYTES = 16 * 1024;

/** What is left of `bytes` behind interim answers with status 100; undefined: more has to come before that is known. */
export function withoutContinue(bytes: Buffer): Buffer | undefined {
  let rest = bytes;
  while (rest.byteLength > 0) {
    const head = rest.subarray(0, MARK_BYTES).toString("latin1");
    if (!couldBegin(head)) return rest;
    if (head.length < MARK_BYTES) return undefined;
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    rest = rest.subarray(end + 4);
  }
  return undefined;
}

function couldBegin(head: string): boolean {
  if (head.length === MARK_BYTES) return MARK.test(head);
  return ["HTTP/1.1 100 ", "HTTP/1.0 100 "].some((mark) => mark.startsWith(head));
}

export class InterimFilter {
  #isExpecting = false;
  #held: Buffer = Buffer.alloc(0);

  /** A request is about to be sent: the next bytes are the beginning of its answer. */
  expectAnswer(): void {
    this.#isExpecting = true;
    this.#held = Buffer.alloc(0);
  }

  /** From now on `read` of this socket hands out no interim answer with status 100. */
  watch(socket: Socket): void {
    const read = socket.read.bind(socket);
    socket.read = (size?: number): Buffer | null => {
      for (;;) {
        const chunk = read(size) as Buffer | null;
        if (chunk === null || !this.#isExpecting) return chunk;
        const bytes = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
        const rest = bytes.byteLength > MAX_BYTES ? bytes : withoutContinue(bytes);
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
