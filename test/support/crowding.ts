/** How many of these instants fall into the fullest window of that width: all of them when they come together. */
export function fullestWindow(instants: readonly number[], widthMs: number): number {
  const sorted = instants.toSorted((one, other) => one - other);
  let first = 0;
  let most = 0;
  for (const [at, instant] of sorted.entries()) {
    while (instant - (sorted[first] ?? instant) > widthMs) first++;
    most = Math.max(most, at - first + 1);
  }
  return most;
}
