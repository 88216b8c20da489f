import { type Command, describeError, excerpt, type Logger } from "../../sdk/index.ts";
import type { CommandHandler } from "../pipe-options.ts";

/** Commands of later versions that would hand the machine to whoever holds the far side. */
const REFUSED: ReadonlySet<string> = new Set([
  "reload_config",
  "stop_pipe",
  "update_config",
  "report_config",
  "upgrade",
]);

const UNKNOWN = "of the far side are not known here";
/** Further ones of the same heartbeat are dropped: nobody means so many. */
const MAX_AT_ONCE = 100;

/** Runs commands one after the other beside everything else. Never rejects; one that fails does not keep the others from running. */
export class CommandQueue {
  readonly #handler: CommandHandler | undefined;
  readonly #logger: Logger;
  #last: Promise<void> = Promise.resolve();

  constructor(handler: CommandHandler | undefined, logger: Logger) {
    this.#handler = handler;
    this.#logger = logger;
  }

  /** Those of one heartbeat. However many are refused or not known, they cost one line in the log each time. */
  add(commands: readonly Command[]): void {
    const refused = commands.filter(({ type }) => REFUSED.has(type));
    this.#tell(refused, "are refused: this agent is not configured or upgraded from afar");
    const others = commands.filter(({ type }) => !REFUSED.has(type));
    if (this.#handler === undefined) this.#tell(others, UNKNOWN);
    else this.#queue(others.slice(0, MAX_AT_ONCE));
  }

  #queue(runs: readonly Command[]): void {
    if (runs.length > 0) this.#last = this.#last.then(() => this.#runAll(runs));
  }

  async #runAll(commands: readonly Command[]): Promise<void> {
    const unknown: Command[] = [];
    for (const command of commands) if (!(await this.#isKnown(command))) unknown.push(command);
    this.#tell(unknown, UNKNOWN);
  }

  #tell(commands: readonly Command[], what: string): void {
    if (commands.length === 0) return;
    const types = [...new Set(commands.map(({ type }) => type))].sort();
    this.#logger.warn({ count: commands.length, types: excerpt(types.slice(0, 20).join(", ")) }, `commands ${what}`);
  }

  async #isKnown(command: Command): Promise<boolean> {
    try {
      return (await this.#handler?.handle(command)) ?? false;
    } catch (error) {
      this.#logger.warn({ type: excerpt(command.type) }, `a command failed: ${describeError(error)}`);
      return true;
    }
  }
}
