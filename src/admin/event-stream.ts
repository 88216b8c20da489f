/**
 * Server-sent events. Nothing is queued for a reader: it is asked for more only when it took what came before. A reader
 * that takes nothing for {@link STALLED_MS} is cut off, because it holds a connection that others need.
 */

const STALLED_MS = 10_000;
/** More often than an idle connection is closed. */
export const KEEP_ALIVE_MS = 2_000;
/** Of one listener; the rest of its connections is for short requests. */
const MOST_STREAMS = 6;

export const KEEP_ALIVE = ": still here\n\n";

/** `data` is one line. */
export const eventText = (kind: string, data: string, id?: number): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${kind}\ndata: ${data}\n\n`;

export type Feed = (signal: AbortSignal) => AsyncGenerator<string, void, undefined>;

export const STREAM_HEADERS = { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" };

export class EventStreams {
  readonly #stalledMs: number;
  #open = 0;

  constructor(stalledMs = STALLED_MS) {
    this.#stalledMs = stalledMs;
  }

  /** `cutOff` ends the connection of a reader that takes nothing. Undefined when there are too many already. */
  open(feed: Feed, cutOff: () => void): Response | undefined {
    if (this.#open >= MOST_STREAMS) return undefined;
    this.#open++;
    return new Response(this.#body(feed, cutOff), { status: 200, headers: STREAM_HEADERS });
  }

  #body(feed: Feed, cutOff: () => void): ReadableStream<Uint8Array> {
    const over = new AbortController();
    const texts = feed(over.signal);
    const encoder = new TextEncoder();
    let stalled: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(stalled);
      if (over.signal.aborted) return;
      over.abort();
      this.#open--;
      void texts.return().catch(() => undefined);
    };
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      clearTimeout(stalled);
      const next = await texts.next().catch((error: unknown) => {
        end();
        throw error;
      });
      if (over.signal.aborted) return;
      if (next.done === true) {
        end();
        controller.close();
        return;
      }
      controller.enqueue(encoder.encode(next.value));
      stalled = setTimeout(() => {
        end();
        cutOff();
      }, this.#stalledMs).unref();
    };
    return new ReadableStream({ pull, cancel: end }, { highWaterMark: 0 });
  }
}
