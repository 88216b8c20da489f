import { setTimeout as pause } from "node:timers/promises";

/** Ends early by the signal, never rejects, and keeps no process alive. */
export const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  pause(ms, undefined, { signal, ref: false }).catch(() => undefined);
