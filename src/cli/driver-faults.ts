/**
 * What installed drivers do to the process of the agent: errors that nothing catches (a promise without a handler, a
 * throw in a timer) are logged and the agent goes on; an end of the process is logged. What is not a driver's ends the
 * process as it would without us.
 */
import { culpritIn, culpritOf } from "../drivers/culprit.ts";
import { limitedLogger } from "../drivers/guard/limited-logger.ts";
import { loadedCode } from "../drivers/loaded-code.ts";
import { exitStack, rethrow } from "../drivers/watched-import.ts";
import { FustorError, type Logger } from "../sdk/index.ts";
import { EXIT } from "./exit-codes.ts";

export class DriverFaults {
  readonly #logger: Logger;
  /** A promise that is rejected with each turn of a timer would fill the disk. */
  readonly #limited: Logger;
  #isListening = false;
  readonly #onError = (error: unknown): void => this.#handle(error);
  readonly #onExit = (status: number): void => {
    const culprit = culpritIn(exitStack(this.#onExit), loadedCode());
    if (culprit === undefined) return;
    if (status === EXIT.done) process.exitCode = EXIT.failure;
    this.#logger.error({ status }, `${culprit} ended the process with process.exit`);
  };

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#limited = limitedLogger(logger, "installed drivers");
  }

  /** Listens from the first installed driver on. Called whenever drivers may have been loaded. */
  listen(): void {
    if (this.#isListening || loadedCode().length === 0) return;
    this.#isListening = true;
    process.on("uncaughtException", this.#onError);
    process.on("exit", this.#onExit);
  }

  #handle(error: unknown): void {
    const culprit = culpritOf(error, loadedCode());
    if (culprit === undefined) {
      rethrow(error, () => this.dispose());
      return;
    }
    // As a cause: a log shows its text and its stack, but none of its members, which may hold an address with a password.
    const err = new FustorError("FUSTOR_DRIVER_DEFECT", `${culprit} left an error to nobody`, { cause: error });
    this.#limited.error({ err }, `${culprit} left an error to nobody: the agent goes on, the driver may not`);
  }

  dispose(): void {
    process.off("uncaughtException", this.#onError);
    process.off("exit", this.#onExit);
  }
}
