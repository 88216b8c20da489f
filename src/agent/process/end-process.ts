import { hasHeldThreads } from "../../native/held-threads.ts";
import { loadAddon } from "../../native/load.ts";

/** What Node's threads may be held up with: a name server or a file system that does not answer. */
const HELD = /^(GetAddrInfo|GetNameInfo|FSReq)/;

/**
 * Ends the process. Node's own end waits for look-ups, file operations and worker threads under way, however long a dead
 * server takes; where there are some, the process goes without waiting. Everything that counts has been written by then.
 */
export function endProcess(exitCode: number): never {
  if (hasHeldThreads() || process.getActiveResourcesInfo().some((name) => HELD.test(name))) exitNow(exitCode);
  process.exit(exitCode);
}

function exitNow(exitCode: number): void {
  try {
    loadAddon().exitNow(exitCode);
  } catch {
    // Without the addon, what failed has been said; Node's own end remains.
  }
}
