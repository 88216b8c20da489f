/**
 * One listing of everything below a prefix, by several requests at once.
 *
 * The keys are parted into ranges, each listed page by page with `start-after`. That this finds every key rests on one
 * thing alone: that the store sorts by the bytes of the keys, which is checked with each page. Where the ranges are parted only
 * decides how even they are. A later listing takes boundaries from what is known. The first one knows nothing: when a
 * worker is idle, a range whose keys are still coming is parted behind the last key, where one of its characters grows.
 */
import { Signal } from "fustor-agent/sdk";
import type { Client } from "./client.ts";
import { compareKeys } from "./keys.ts";
import type { Listed } from "./list-page.ts";
import { pagesOf } from "./pages.ts";

/** The store does not sort by the bytes of the keys. */
export class Unsorted extends Error {
  override readonly name = "Unsorted";
}

/** Keys above `after` up to and including `until`. */
interface Range {
  readonly after: string | undefined;
  until: string | undefined;
  pages: number;
}

export interface ListingOptions {
  readonly client: Client;
  readonly prefix: string;
  readonly parallel: number;
  /** Keys, in order. */
  readonly boundaries: readonly string[];
  /** One request after the other, in the order of the store. */
  readonly isSequential: boolean;
  readonly onPage: (objects: readonly Listed[]) => Promise<void>;
  readonly signal: AbortSignal;
}

export async function listAll(options: ListingOptions): Promise<void> {
  const failed = new AbortController();
  const listing = new Listing({ ...options, signal: AbortSignal.any([options.signal, failed.signal]) });
  const workers = Array.from({ length: options.isSequential ? 1 : options.parallel }, () => listing.work());
  try {
    await Promise.all(workers);
  } catch (error) {
    failed.abort();
    await Promise.allSettled(workers);
    throw error;
  }
}

/** Parting ranges blindly costs requests that find nothing: no more of them than these and a quarter of the others. */
const WASTED_PAGES = 16;
/** A range that was asked for so often is parted although its boundaries were known. */
const PAGES_OF_A_KNOWN_RANGE = 5;

class Listing {
  readonly #options: ListingOptions;
  readonly #queue: Range[];
  readonly #news = new Signal();
  #busy = 0;
  /** Pages with and without keys of their range. */
  #full = 0;
  #wasted = 0;

  constructor(options: ListingOptions) {
    this.#options = options;
    const { boundaries, isSequential } = options;
    const ends = isSequential ? [undefined] : [...boundaries, undefined];
    this.#queue = ends.map((until, at) => ({ after: at === 0 ? undefined : ends[at - 1], until, pages: 0 }));
  }

  /** Until nothing is left for any worker. */
  async work(): Promise<void> {
    const { signal } = this.#options;
    for (;;) {
      const range = this.#queue.shift();
      if (range !== undefined) {
        this.#busy++;
        try {
          await this.#list(range);
        } finally {
          this.#busy--;
          this.#news.raise();
        }
      } else if (this.#busy === 0 || signal.aborted) {
        this.#news.raise();
        return;
      } else await this.#news.wait(signal);
    }
  }

  async #list(range: Range): Promise<void> {
    const { client, prefix, onPage, signal, isSequential } = this.#options;
    let last = range.after;
    for await (const page of pagesOf(client, { prefix, startAfter: range.after }, signal)) {
      range.pages++;
      if (!isSequential) checkOrder(last, page.objects);
      const { until } = range;
      const mine = until === undefined ? page.objects : page.objects.filter(({ key }) => compareKeys(key, until) <= 0);
      if (mine.length > 0) this.#full++;
      else this.#wasted++;
      await onPage(mine);
      last = page.objects.at(-1)?.key ?? last;
      if (mine.length < page.objects.length) return;
      if (page.next !== undefined && last !== undefined) this.#share(range, page.objects[0]?.key ?? last, last);
    }
  }

  /** Gives a part of what is left of a range to workers that have nothing to do. */
  #share(range: Range, first: string, last: string): void {
    const { boundaries, isSequential, parallel, prefix } = this.#options;
    const idle = parallel - this.#busy - this.#queue.length;
    const wanted = boundaries.length === 0 ? 1 : PAGES_OF_A_KNOWN_RANGE;
    if (isSequential || idle <= 0 || range.pages < wanted || this.#wasted > this.#full / 4 + WASTED_PAGES) return;
    const inside = boundariesBehind(first, last, prefix.length)
      .filter((key) => range.until === undefined || compareKeys(key, range.until) < 0)
      .slice(0, idle)
      .sort(compareKeys);
    const ends = [...inside, range.until];
    range.until = ends[0];
    for (const [at, after] of inside.entries()) this.#queue.push({ after, until: ends[at + 1], pages: 0 });
    if (inside.length > 0) this.#news.raise();
  }
}

function checkOrder(last: string | undefined, objects: readonly Listed[]): void {
  let before = last;
  for (const { key } of objects) {
    if (before !== undefined && compareKeys(before, key) >= 0) throw new Unsorted(`the store lists a key out of order`);
    before = key;
  }
}

/**
 * Keys above `last` where others may begin: for each place of `last` up to the first one that the keys of its page do not share, the
 * next character there. Places behind it part less than a page. The nearest boundary comes first.
 */
export function boundariesBehind(first: string, last: string, from: number): string[] {
  let shared = from;
  while (shared < last.length && first.charCodeAt(shared) === last.charCodeAt(shared)) shared++;
  const boundaries: string[] = [];
  for (let place = Math.min(shared, last.length - 1); place >= from; place--) {
    const unit = last.charCodeAt(place);
    // Not into the halves of pairs.
    if (unit < 0xd7ff) boundaries.push(last.slice(0, place) + String.fromCharCode(unit + 1));
  }
  return boundaries;
}
