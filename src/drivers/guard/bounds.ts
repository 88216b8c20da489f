/** How long an installed driver may take, in milliseconds. What takes longer is a defect of the driver. */
export interface GuardBounds {
  /** `create`, `open`, `verify`. */
  readonly callMs: number;
  /** `inspect`: the configuration waits for it. */
  readonly inspectMs: number;
  /** From one chunk of rows to the next. */
  readonly chunkMs: number;
  /** `close`, and the end of an iteration that is not wanted any more. */
  readonly closeMs: number;
  /** On top of `timeout_sec` of a sender, which the driver keeps itself. */
  readonly sendGraceMs: number;
  /** For a `push` to end after its signal aborted. */
  readonly heedMs: number;
}

export const GUARD_BOUNDS: GuardBounds = {
  callMs: 30_000,
  inspectMs: 5_000,
  chunkMs: 600_000,
  closeMs: 2_500,
  sendGraceMs: 5_000,
  heedMs: 500,
};
