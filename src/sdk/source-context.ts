/** What the agent gives to a source when it makes it. */
import type { DriverFiles } from "./driver-files.ts";
import type { Logger } from "./observer.ts";

/** One short text that a driver has again after a restart, for as long as the source stays the same. */
export interface SourceStore {
  recall(): string | undefined;
  /** Kept soon, also through a crash of the process a moment later. Never fails. */
  remember(text: string): void;
}

export interface SourceDriverContext {
  readonly id: string;
  readonly logger: Logger;
  /** Absent where nothing is kept. */
  readonly store?: SourceStore;
  /** A folder of the driver's own; absent where nothing is kept. */
  readonly files?: DriverFiles;
  /** A file of the driver's own, in a folder that exists, for what it knows from one run to the next. Absent: none. */
  readonly indexPath?: string;
}
