import type { Ambience } from "./pipe-options.ts";

/** The real clock and the real dice. */
export const systemAmbience: Ambience = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => Math.random(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
