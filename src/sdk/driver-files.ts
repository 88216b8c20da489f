/**
 * Small files that a driver has again after a restart: where it stood in a log, what it sent last. They lie in the state
 * of the home, readable by its owner alone, and belong to one driver with one address (a sender: and one pipe).
 */
export interface DriverFiles {
  /** The text that was written last; undefined when there is none. */
  read(name: string): Promise<string | undefined>;
  /**
   * Replaces the whole text in one step: after a crash there is the old one or the new one. Names are letters, digits,
   * `.`, `_` and `-`. Throws FUSTOR_HOME_UNUSABLE when the disk takes nothing.
   */
  write(name: string, text: string): Promise<void>;
  /** What is not there is no error. */
  remove(name: string): Promise<void>;
}
