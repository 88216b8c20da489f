/** How the start of an agent went. */

export interface FailedPipe {
  readonly pipe: string;
  readonly reason: string;
}

export interface StartReport {
  readonly started: readonly string[];
  readonly failed: readonly FailedPipe[];
}
