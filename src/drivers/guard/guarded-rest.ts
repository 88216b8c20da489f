/** What an installed source leaves to its next run, behind the guard. */
import type { Logger, SourceDriver } from "../../sdk/index.ts";
import type { GuardBounds } from "./bounds.ts";
import type { DriverCalls } from "./driver-calls.ts";
import { isText } from "./source-defects.ts";

export interface SourceGuard {
  readonly driver: SourceDriver;
  readonly calls: DriverCalls;
  readonly bounds: GuardBounds;
  readonly logger: Logger;
}

/** What is no name of a run is none: the source begins anew. Never rejects, as the contract says. */
export async function guardedFreeze({ driver, calls, bounds, logger }: SourceGuard): Promise<string | undefined> {
  try {
    const rules = { boundMs: bounds.closeMs, check: generationDefect };
    return await calls.later<string | undefined>("freeze", () => driver.freeze?.(), rules);
  } catch (error) {
    logger.error({ err: error }, "a driver failed to come to rest: its next run begins anew");
    return undefined;
  }
}

const generationDefect = (name: unknown): string | undefined =>
  name === undefined || isText(name) ? undefined : "a name of its run that is no text";

export function resumedFrom({ driver, calls, logger }: SourceGuard): string | undefined {
  try {
    return calls.checked("resumedFrom", driver.resumedFrom, generationDefect);
  } catch (error) {
    logger.error({ err: error }, "a driver failed");
    return undefined;
  }
}
