/** A lock that is held for moments only: who wants it waits for it. */
import { setTimeout as pause } from "node:timers/promises";
import { fileTrouble } from "../../config/file-trouble.ts";
import { FustorError } from "../../sdk/index.ts";
import { type HeldLock, lockFile } from "./native-lock.ts";

const TRIES = 250;
const TRY_AGAIN_MS = 20;

/** Throws FUSTOR_HOME_UNUSABLE when it is not free within 5 s; `holder` says who may have it. */
export async function takeLock(path: string, holder: string): Promise<HeldLock> {
  for (let attempt = 1; ; attempt++) {
    const lock = tryLock(path);
    if (lock !== null) return lock;
    if (attempt === TRIES) {
      throw new FustorError("FUSTOR_HOME_UNUSABLE", `${path} is held: ${holder}; try again`);
    }
    await pause(TRY_AGAIN_MS);
  }
}

function tryLock(path: string): HeldLock | null {
  try {
    return lockFile(path);
  } catch (error) {
    throw fileTrouble(error, path, "locked");
  }
}
