/**
 * Hints from @parcel/watcher instead of the kernel: its events say where to look, as every hint does, and polling
 * covers what it misses. Its paths are text: names that are not UTF-8 come broken and are found by polling only.
 */
import { relative } from "node:path";
import type { AsyncSubscription, Event } from "@parcel/watcher";
import type { NativeWatch } from "../../native/watch.ts";
import { describeError, FustorError, type Logger } from "../../sdk/index.ts";

export interface ParcelHints {
  stop(): Promise<void>;
}

export async function startParcelHints(
  root: string,
  excludePaths: readonly string[],
  watch: NativeWatch,
  logger: Logger,
): Promise<ParcelHints> {
  const { subscribe } = await loadParcel();
  let subscription: AsyncSubscription;
  try {
    subscription = await subscribe(root, (error, events) => take(root, error, events, watch, logger), {
      ignore: [...excludePaths],
    });
  } catch (cause) {
    throw new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `${root}: @parcel/watcher cannot watch it`, { cause });
  }
  // It fails to remove its watch of a directory that was replaced meanwhile, which is no reason to fail a close.
  const note = (error: unknown): void =>
    logger.warn({ root }, `@parcel/watcher stopped badly: ${describeError(error)}`);
  return { stop: () => subscription.unsubscribe().catch(note) };
}

/** It is not among our dependencies: who wants this engine installs it. */
export async function loadParcel(): Promise<typeof import("@parcel/watcher")> {
  try {
    return await import("@parcel/watcher");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    throw new FustorError(
      "FUSTOR_CONFIG_INVALID",
      `engine parcel needs the package @parcel/watcher, which ${missing ? "is not installed" : "does not load"}: ` +
        "run `npm install @parcel/watcher@2` where fustor-agent is installed, or choose another engine",
      { cause },
    );
  }
}

function take(root: string, error: Error | null, events: readonly Event[], watch: NativeWatch, logger: Logger): void {
  if (error !== null) {
    logger.warn({ root }, `@parcel/watcher lost events, everything is listed again: ${error.message}`);
    watch.resync("@parcel/watcher lost events");
    return;
  }
  for (const { path } of events) watch.recheck(wirePath(relative(root, path)), false, false);
}

/** A U+201B that is really in a name is doubled on the wire. */
const wirePath = (path: string): string => `/${path.replaceAll("\u201B", "\u201B\u201B")}`;
