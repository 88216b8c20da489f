// The sender driver {{name}}: appends every row to a file, one line of JSON each.
//
// Put your receiver in the place of `appendFile`. Every method is one attempt: the pipe repeats what fails with an error
// that is retryable, and sends nothing else meanwhile.
import { randomUUID } from "node:crypto";
import { appendFile } from "node:fs/promises";
import { describeError, FustorError, rowsOf, senderModule, z } from "fustor-agent/sdk";

/** @import { Role, SenderDriver } from "fustor-agent/sdk" */

/** A receiver without roles: the agent leads. @type {Role} */
const ROLE = "leader";
const SESSION_SECONDS = 30;

/** @param {AbortSignal} signal */
function throwIfAborted(signal) {
  if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the call was cancelled");
}

/** @implements {SenderDriver} */
export class Sender {
  #file;
  #asksForSnapshot = true;

  /** @param {{file: string}} options */
  constructor({ file }) {
    this.#file = file;
  }

  /** A receiver without sessions: each is as good as another. */
  async createSession({ sessionTimeoutSeconds = SESSION_SECONDS }, { signal }) {
    throwIfAborted(signal);
    return { sessionId: randomUUID(), role: ROLE, sessionTimeoutMs: sessionTimeoutSeconds * 1000 };
  }

  /** The receiver does not remember how far it is. */
  async getLatestCommittedIndex(_sessionId, { signal }) {
    throwIfAborted(signal);
    return undefined;
  }

  async heartbeat(_sessionId, _request, { signal }) {
    throwIfAborted(signal);
    return { role: ROLE, commands: [], snapshotNeeded: false };
  }

  /** Resolves when the receiver has the rows: the bytes of the envelope are used again afterwards. */
  async push(_sessionId, envelope, { signal }) {
    throwIfAborted(signal);
    const lines = envelope.events.flatMap(({ eventType, rows }) =>
      rowsOf(rows).map((row) => `${JSON.stringify({ op: eventType, row })}\n`),
    );
    try {
      if (lines.length > 0) await appendFile(this.#file, lines.join(""));
    } catch (error) {
      const message = `${this.#file} takes nothing: ${describeError(error)}`;
      throw new FustorError("FUSTOR_SENDER_UNREACHABLE", message, { retryable: true, cause: error });
    }
    const snapshotNeeded = this.#asksForSnapshot;
    this.#asksForSnapshot = false;
    return { snapshotNeeded };
  }

  /** Nothing to end: there are no sessions. */
  async closeSession() {
    return undefined;
  }

  /** Nothing to free: the file is opened for each batch. */
  async close() {
    return undefined;
  }
}

export default senderModule({
  kind: "sender",
  name: "{{name}}",
  aliases: [],
  schema: z.object({}),
  create: async (_context, { uri }) => new Sender({ file: uri }),
});
