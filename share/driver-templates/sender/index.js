// The sender driver {{name}}: appends every row to a file, one line of JSON each.
//
// Put your receiver in the place of `appendFile`. The file knows neither sessions nor roles, so SessionlessSender plays
// them; a driver of a receiver that has sessions implements SenderDriver instead.
import { appendFile } from "node:fs/promises";
import { describeError, FustorError, rowsOf, SessionlessSender, senderModule, z } from "fustor-agent/sdk";

/** @import { CallOptions, Envelope } from "fustor-agent/sdk" */

export class Sender extends SessionlessSender {
  #file;

  /** @param {{file: string}} options */
  constructor({ file }) {
    super();
    this.#file = file;
  }

  /**
   * One attempt: the pipe repeats what fails with an error that is retryable, and sends nothing else meanwhile. Resolves
   * when the receiver has the rows: the bytes of the envelope are used again afterwards.
   *
   * @override
   * @param {Envelope} envelope
   * @param {CallOptions} _options
   */
  async deliver(envelope, _options) {
    const lines = envelope.events.flatMap(({ eventType, rows }) =>
      rowsOf(rows).map((row) => `${JSON.stringify({ op: eventType, row })}\n`),
    );
    try {
      if (lines.length > 0) await appendFile(this.#file, lines.join(""));
    } catch (error) {
      const message = `${this.#file} takes nothing: ${describeError(error)}`;
      throw new FustorError("FUSTOR_SENDER_UNREACHABLE", message, { retryable: true, cause: error });
    }
  }
}

export default senderModule({
  kind: "sender",
  name: "{{name}}",
  aliases: [],
  schema: z.object({}),
  create: async (_context, { uri }) => new Sender({ file: uri }),
});
