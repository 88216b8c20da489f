/** Configuration files that somebody is writing at this moment are not read half. */
import { stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { configFilesOf, type LoadOptions } from "./load.ts";

const SETTLED_MS = 200;
const LONGEST_WAIT_MS = 3_000;

/**
 * Resolves when no configuration file has changed for 200 ms, or after 3 s. Editors and `sed -i` replace a file as a
 * whole, but `cp`, `>` and many scripts empty it first: a reload at that moment would find no pipe and stop them all.
 */
export async function untilConfigSettled(options: LoadOptions = {}): Promise<void> {
  const deadline = performance.now() + LONGEST_WAIT_MS;
  for (;;) {
    const waitMs = Math.min(await unsettledFor(options), deadline - performance.now());
    if (waitMs <= 0) return;
    await pause(waitMs);
  }
}

/**
 * How long until the youngest file counts as settled. A time in the future, of another machine's clock perhaps, tells
 * nothing.
 */
async function unsettledFor(options: LoadOptions): Promise<number> {
  const now = Date.now();
  const ages = await Promise.all(
    (await configFilesOf(options)).map(async (file) => {
      const { mtimeMs, ctimeMs } = await stat(file).catch(() => ({ mtimeMs: now, ctimeMs: now }));
      return now - Math.max(mtimeMs, ctimeMs);
    }),
  );
  const youngest = Math.min(SETTLED_MS, ...ages.filter((age) => age > -SETTLED_MS));
  return Math.ceil(SETTLED_MS - youngest);
}
