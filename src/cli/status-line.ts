/** A last line that is rewritten in place on a terminal; anywhere else every new state is a line of its own. */
import type { Terminal } from "./terminal.ts";

const CLEAR_LINE = "\r\u001b[2K";

export class StatusLine {
  readonly #terminal: Terminal;
  #text = "";

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  async show(text: string): Promise<void> {
    if (text === this.#text) return;
    this.#text = text;
    if (!this.#terminal.isInteractive) return this.#terminal.line(text);
    await this.#terminal.write(`${CLEAR_LINE}${this.#visible()}`);
  }

  /** A line that stays, above the last one. */
  async above(text: string): Promise<void> {
    if (!this.#terminal.isInteractive) return this.#terminal.line(text);
    await this.#terminal.write(`${CLEAR_LINE}${text}\n${this.#visible()}`);
  }

  /** Leaves the last line as it is and goes on below it. */
  async end(): Promise<void> {
    if (this.#terminal.isInteractive && this.#text !== "") await this.#terminal.write("\n");
    this.#text = "";
  }

  /** A line that wraps could not be rewritten. */
  #visible(): string {
    return this.#text.slice(0, Math.max(20, this.#terminal.columns - 1));
  }
}
