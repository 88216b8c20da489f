/**
 * Whether there are file descriptors for one more pipe. One that got none halfway would take those of the other pipes,
 * of the state and of `status` with it; one that is not started says why.
 */
import { readdirSync } from "node:fs";
import { FustorError } from "../sdk/index.ts";
import { descriptorLimit } from "./descriptor-limit.ts";

/** Its three connections and the journal of what was deleted. */
const OF_PIPE = 4;
/** What the kernel tells it with, the mounts, and the root. */
const OF_SOURCE = 10;
/** Control socket and page with their clients, the state, and the directories that are being listed. */
const RESERVE = 32;

function openNow(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}

export class DescriptorBudget {
  readonly #limit: () => number | null;
  readonly #others: number;
  /** How many pipes have each source. */
  readonly #sources = new Map<string, number>();
  #pipes = 0;

  /** `others`: what is open beside pipes and sources. */
  constructor(limit = descriptorLimit, others = openNow()) {
    this.#limit = limit;
    this.#others = others;
  }

  /** For a pipe with that source, until {@link give}. Throws FUSTOR_LIMIT_REACHED; the first pipe always gets in. */
  take(source: string): void {
    const limit = this.#limit() ?? Number.POSITIVE_INFINITY;
    const sources = this.#sources.size + (this.#sources.has(source) ? 0 : 1);
    const needed = this.#others + RESERVE + (this.#pipes + 1) * OF_PIPE + sources * OF_SOURCE;
    if (this.#pipes > 0 && needed > limit) {
      const pipes = `${this.#pipes} such pipe${this.#pipes === 1 ? "" : "s"}`;
      const what = `no file descriptor is left for it (limit ${limit}, which is enough for ${pipes})`;
      const cure = "raise ulimit -n, LimitNOFILE= of a unit, and start the agent again";
      throw new FustorError("FUSTOR_LIMIT_REACHED", `${what}: ${cure}`, { details: { limit, needed } });
    }
    this.#pipes++;
    this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1);
  }

  give(source: string): void {
    const pipes = (this.#sources.get(source) ?? 0) - 1;
    this.#pipes--;
    if (pipes > 0) this.#sources.set(source, pipes);
    else this.#sources.delete(source);
  }
}
