/** What this process costs. */

const SHORTEST_WINDOW_MS = 500;

export interface CpuLoad {
  readonly userMs: number;
  readonly systemMs: number;
  /** Of one core, since the last time somebody asked, at first since the start. */
  readonly percent: number;
}

/** Bytes in memory. Reading them takes a file descriptor: without one the last reading is told, 0 at first. */
export function residentMeter(read: () => number = process.memoryUsage.rss): () => number {
  let last = 0;
  return () => {
    try {
      last = read();
    } catch {
      // None was free.
    }
    return last;
  };
}

/** Without a timer of its own: an idle agent must not wake up to measure how idle it is. */
export function cpuMeter(now: () => number, usage: () => NodeJS.CpuUsage = process.cpuUsage): () => CpuLoad {
  const start = usage();
  let last = { at: now(), busyMs: (start.user + start.system) / 1000 };
  let percent = 0;
  return () => {
    const { user, system } = usage();
    const busyMs = (user + system) / 1000;
    const at = now();
    const windowMs = at - last.at;
    if (windowMs > 0) percent = ((busyMs - last.busyMs) / windowMs) * 100;
    if (windowMs >= SHORTEST_WINDOW_MS) last = { at, busyMs };
    return { userMs: user / 1000, systemMs: system / 1000, percent: Math.round(percent * 100) / 100 };
  };
}
