import { loadAddon } from "../native/load.ts";
import type { LockFile } from "./instance-lock.ts";

/** The kernel's flock. The addon is loaded with the first call. */
export const lockFile: LockFile = (path) => loadAddon().lockFile(path);
