import { setTimeout as pause } from "node:timers/promises";

export interface WaitOptions {
  /** Milliseconds until it throws. */
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
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() >= deadline) {
      const what = typeof options.what === "string" ? options.what : options.what();
      throw new Error(`waited ${options.timeoutMs} ms in vain: ${what}`);
    }
    await pause(options.intervalMs ?? 50);
  }
}
