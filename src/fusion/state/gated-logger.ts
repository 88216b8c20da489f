import type { Logger } from "../../sdk/observer.ts";

/** Says nothing while commands of an earlier run are carried out again. */
export class GatedLogger implements Logger {
  readonly #under: Logger;
  open = false;

  constructor(under: Logger) {
    this.#under = under;
  }

  debug(facts: object, message: string): void {
    if (this.open) this.#under.debug(facts, message);
  }

  info(facts: object, message: string): void {
    if (this.open) this.#under.info(facts, message);
  }

  warn(facts: object, message: string): void {
    if (this.open) this.#under.warn(facts, message);
  }

  error(facts: object, message: string): void {
    if (this.open) this.#under.error(facts, message);
  }

  child(facts: object): Logger {
    return this.#under.child(facts);
  }
}
