/**
 * Notices that whoever read an output of ours has gone while there is nothing to write: a write is what would tell it
 * otherwise.
 */
import { loadAddon } from "../../native/load.ts";

const EVERY_MS = 500;

export interface ReaderWatch {
  readonly gone: AbortSignal;
  dispose(): void;
}

/** `descriptor` of a pipe, a socket or a terminal; a file has no reader and never fires. */
export function watchReader(descriptor: number): ReaderWatch {
  const addon = loadAddon();
  const gone = new AbortController();
  const timer = setInterval(() => {
    if (!addon.isHungUp(descriptor)) return;
    clearInterval(timer);
    gone.abort();
  }, EVERY_MS);
  timer.unref();
  return { gone: gone.signal, dispose: () => clearInterval(timer) };
}
