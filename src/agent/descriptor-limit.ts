import { readFileSync } from "node:fs";

/**
 * How many files this process may open: the soft limit, which can change while it runs. Null = no limit, or not known.
 */
export function descriptorLimit(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
