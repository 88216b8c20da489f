import { type Command, describeError, type Logger } from "../sdk/index.ts";
import type { CommandHandler } from "./pipe-options.ts";

/** Commands of later versions that would hand the machine to whoever holds the far side. */
const REFUSED: ReadonlySet<string> = new Set([
  "reload_config",
  "stop_pipe",
  "update_config",
  "report_config",
  "upgrade",
]);

/** Runs commands one after the other beside everything else. Never rejects; one that fails does not keep the others from running. */
export class CommandQueue {
  readonly #handler: CommandHandler | undefined;
  readonly #logger: Logger;
  #last: Promise<void> = Promise.resolve();

  constructor(handler: CommandHandler | undefined, logger: Logger) {
    this.#handler = handler;
    this.#logger = logger;
  }

  add(commands: readonly Command[]): void {
    for (const command of commands) this.#last = this.#last.then(() => this.#run(command));
  }

  async #run(command: Command): Promise<void> {
    if (REFUSED.has(command.type)) {
      this.#logger.warn(
        { type: command.type },
        "a command is refused: this agent is not configured or upgraded from afar",
      );
      return;
    }
    try {
      const known = (await this.#handler?.handle(command)) ?? false;
      if (!known) this.#logger.warn({ type: command.type }, "the far side sent a command that is not known here");
    } catch (error) {
      this.#logger.warn({ type: command.type }, `a command failed: ${describeError(error)}`);
    }
  }
}
