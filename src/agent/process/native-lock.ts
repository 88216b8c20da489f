import { loadAddon } from "../../native/load.ts";

/** The addon's flock: null when somebody else holds it. */
export type LockFile = (path: string) => HeldLock | null;

export interface HeldLock {
  unlock(): void;
  /** False once the file was removed or replaced: then it keeps nobody out any more. */
  isCurrent(): boolean;
}

/** The kernel's flock. The addon is loaded with the first call. */
export const lockFile: LockFile = (path) => loadAddon().lockFile(path);

/** Whether somebody holds it. The addon is loaded with the first call. */
export const probeLock = (path: string): "held" | "free" | "missing" => loadAddon().probeLock(path);
