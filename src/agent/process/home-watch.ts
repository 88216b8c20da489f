/**
 * Looks after the home of a running agent: puts back what was removed of it, and tells when the home is somebody else's
 * or gone.
 */
import { setTimeout as pause } from "node:timers/promises";
import { describeError, type Logger } from "../../sdk/index.ts";
import type { InstanceLock } from "./instance-lock.ts";

export interface HomeWatchOptions {
  readonly home: string;
  readonly lock: InstanceLock;
  /** Listens anew when the socket's file is gone; true when it was. */
  readonly restoreSocket: () => Promise<boolean>;
  readonly logger: Logger;
  /** Called once. */
  readonly onLost: (why: string) => void;
  /** Default {@link LOOK_MS}. */
  readonly everyMs?: number;
}

const LOOK_MS = 3000;
/** A folder that was taken away may be a disk that is being mounted anew. */
const GONE_LOOKS = 3;

/** A storage that hangs must not hold up the end. */
const LAST_LOOK_MS = 1000;

/** Until the returned function is called. */
export function watchHome(options: HomeWatchOptions): () => Promise<void> {
  const { home, lock, restoreSocket, logger, onLost, everyMs = LOOK_MS } = options;
  let gone = 0;
  let over = false;
  let looking: Promise<void> | undefined;
  const lose = (why: string): void => {
    over = true;
    clearInterval(timer);
    onLost(why);
  };
  const look = async (): Promise<void> => {
    const holding = await lock.look();
    if (over) return;
    gone = holding === "gone" ? gone + 1 : 0;
    if (holding === "taken") lose(`another agent has taken the home ${home}: agent.lock was removed`);
    else if (gone >= GONE_LOOKS) lose(`the home ${home} was removed or replaced`);
    else if (holding === "restored") logger.warn({ home }, "agent.lock or agent.pid was removed: both are there again");
    if (over || holding === "gone") return;
    if (await restoreSocket()) logger.warn({ home }, "the control socket was removed: it is there again");
  };
  const timer = setInterval(() => {
    looking ??= look()
      .catch((error: unknown) => logger.debug({ home }, `the home could not be looked at: ${describeError(error)}`))
      .finally(() => {
        looking = undefined;
      });
  }, everyMs);
  timer.unref();
  return async () => {
    over = true;
    clearInterval(timer);
    if (looking !== undefined) await Promise.race([looking, pause(LAST_LOOK_MS, undefined, { ref: false })]);
  };
}
