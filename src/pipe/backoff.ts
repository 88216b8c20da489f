export interface BackoffSettings {
  /** Bound of the first pause. */
  readonly firstMs: number;
  readonly multiplier: number;
  readonly maxMs: number;
  /** From this failure on the bound is the maximum. */
  readonly maxConsecutiveErrors: number;
}

/** Never a busy loop, even when the dice fall on 0. */
const SHORTEST_MS = 20;
const ASKED_SPREAD = 0.25;

/**
 * The pause after the n-th failure in a row (n >= 1), slept once: a random part of a bound that grows, so that many
 * agents do not come back together. What the receiver asked to wait is the least, and up to a quarter of it is added for
 * the same reason: it tells all of them the same.
 */
export function backoffDelayMs(settings: BackoffSettings, failures: number, random: number, retryAfterMs = 0): number {
  const { firstMs, multiplier, maxMs, maxConsecutiveErrors } = settings;
  const grown = failures >= maxConsecutiveErrors ? maxMs : firstMs * multiplier ** (failures - 1);
  const bound = Math.min(grown, maxMs);
  return Math.max(random * bound, Math.min(SHORTEST_MS, bound), retryAfterMs * (1 + ASKED_SPREAD * random));
}
