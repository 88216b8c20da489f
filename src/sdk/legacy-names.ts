/** Names of the older agents' contracts, for code that is moved over. docs/driver_design.md has the whole table. */
import type { Change } from "./changes.ts";
import type { SenderDriver } from "./sender-driver.ts";

/** @deprecated Use {@link SenderDriver}. */
export type PusherDriver = SenderDriver;
/** @deprecated Use {@link SenderDriver}. */
export type SenderHandler = SenderDriver;
/** @deprecated Use {@link Change}: one row each, in batches. */
export type EventBase = Change;
