import { setTimeout as pause } from "node:timers/promises";
import { PATIENCE } from "./patience.ts";

export interface WaitOptions {
  /** Milliseconds until it throws, on a machine with nothing else to do: FUSTOR_TEST_PATIENCE multiplies it. */
  readonly timeoutMs: number;
  /** Milliseconds between two looks. Default 50. */
  readonly intervalMs?: number;
  /** What is waited for, or what is missing at the end; part of the error. */
  readonly what: string | (() => string);
}

/** Looks until the probe gives something other than undefined or false, and resolves with it. */
export async function waitFor<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs * PATIENCE;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() >= deadline) {
      const what = typeof options.what === "string" ? options.what : options.what();
      throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    }
    await pause(options.intervalMs ?? 50);
  }
}

/** Looks for that long: what has to stay as it is does. The only way to tell that something does not happen. */
export async function staysTrue(
  probe: () => boolean | Promise<boolean>,
  options: { readonly forMs: number; readonly what: string | (() => string) },
): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const passed = performance.now() - begun;
    if (!(await probe())) {
      const what = typeof options.what === "string" ? options.what : options.what();
      throw new Error(`it did not stay so for ${options.forMs} ms, only for ${Math.round(passed)} ms: ${what}`);
    }
    if (passed >= options.forMs) return;
    await pause(Math.min(20, options.forMs));
  }
}

/**
 * A time that is part of the play: how long a fault lasts, or the pace of a writer. Never a wait for its result.
 * @param what What lasts; for the reader.
 */
export async function lasting(ms: number, _what: string): Promise<void> {
  await pause(ms);
}
