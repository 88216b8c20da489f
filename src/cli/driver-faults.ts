/**
 * Errors of installed drivers that nothing catches: a promise without a handler, a throw in a timer. They are logged and
 * the agent goes on; what is not a driver's ends the process as it would without us.
 */
import type { AgentConfig } from "../config/model.ts";
import { culpritOf } from "../drivers/culprit.ts";
import type { DriverOrigin } from "../drivers/origin.ts";
import { FustorError, type Logger } from "../sdk/index.ts";

export class DriverFaults {
  readonly #logger: Logger;
  /** Code that was loaded once stays in the process, whatever later configurations name. */
  readonly #loaded: DriverOrigin[] = [];
  readonly #onError = (error: unknown): void => this.#handle(error);

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Listens from the first installed driver on. */
  note({ drivers }: AgentConfig): void {
    const { origins } = drivers.installed;
    if (this.#loaded.length === 0 && origins.length > 0) process.on("uncaughtException", this.#onError);
    for (const origin of origins) {
      if (!this.#loaded.some(({ kind, name }) => kind === origin.kind && name === origin.name))
        this.#loaded.push(origin);
    }
  }

  #handle(error: unknown): void {
    const culprit = culpritOf(error, this.#loaded);
    if (culprit !== undefined) {
      // As a cause: a log shows its text and its stack, but none of its members, which may hold an address with a password.
      const err = new FustorError("FUSTOR_DRIVER_DEFECT", `${culprit} left an error to nobody`, { cause: error });
      this.#logger.error({ err }, `${culprit} left an error to nobody: the agent goes on, the driver may not`);
      return;
    }
    this.dispose();
    // Without a listener Node prints it and ends the process.
    setImmediate(() => {
      throw error;
    });
  }

  dispose(): void {
    process.off("uncaughtException", this.#onError);
  }
}
