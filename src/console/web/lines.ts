/** A stream of the agent as lines, newest first. It goes on while another view is open. */
import { events, type ServerEvent } from "./api.ts";
import { t } from "./language.ts";
import { Store } from "./store.ts";

export interface Line {
  readonly number: number;
  readonly text: string;
  readonly kind: string;
}

const MOST_LINES = 300;
/** Lines that come within one frame are shown together: a thousand changes a second would be a thousand renderings. */
const TOGETHER_MS = 200;

export class LineStream {
  readonly lines = new Store<readonly Line[]>([]);
  readonly isRunning = new Store(false);
  #own: AbortController | undefined;
  #next = 0;
  #waiting: Line[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  add(text: string, kind = ""): void {
    this.#waiting.push({ number: this.#next++, text, kind });
    if (this.#waiting.length > MOST_LINES) this.#waiting.shift();
    this.#timer ??= setTimeout(() => this.#show(), TOGETHER_MS);
  }

  #show(): void {
    this.#timer = undefined;
    const fresh = this.#waiting.reverse();
    this.#waiting = [];
    this.lines.set([...fresh, ...this.lines.value].slice(0, MOST_LINES));
  }

  clear(): void {
    this.#waiting = [];
    this.lines.set([]);
  }

  stop(): void {
    this.#own?.abort();
    this.#own = undefined;
    this.isRunning.set(false);
  }

  /** Until it is stopped, the agent ends it, or it begins anew. `pathOf` may ask the agent first. */
  async start(pathOf: () => string | Promise<string>, show: (event: ServerEvent) => void): Promise<void> {
    this.stop();
    const own = new AbortController();
    this.#own = own;
    this.isRunning.set(true);
    try {
      for await (const event of events(`/api/v1${await pathOf()}`, own.signal)) show(event);
      this.add(t("streamEnded"), "bad");
    } catch (error) {
      if (!own.signal.aborted) this.add(error instanceof Error ? error.message : String(error), "bad");
    }
    if (this.#own === own) this.stop();
  }
}
