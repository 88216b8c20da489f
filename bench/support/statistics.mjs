/** Of numbers in ascending order; undefined of none. */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** The straight line through points, by least squares; `slopeError` is its standard error. Wants three points at least. */
export function fitLine(points) {
  const [middleX, middleY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const sum = (term) => points.reduce((total, [x, y]) => total + term(x - middleX, y - middleY), 0);
  const spread = sum((x) => x * x);
  const slope = sum((x, y) => x * y) / spread;
  const residue = sum((x, y) => (y - slope * x) ** 2);
  return { slope, at0: middleY - slope * middleX, slopeError: Math.sqrt(residue / (points.length - 2) / spread) };
}
