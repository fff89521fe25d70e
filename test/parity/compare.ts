/** The largest difference. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return reduce(actual, expected, (largest, a, e) => worse(largest, Math.abs(a - e)));
}

/** The largest difference, relative to the largest expected value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = reduce(expected, expected, (largest, e) => Math.max(largest, Math.abs(e)));
  return largestError(actual, expected) / (scale || 1);
}

export function norm(values: ArrayLike<number>): number {
  return Math.sqrt(reduce(values, values, (sum, value) => sum + value * value));
}

/** The Euclidean norm of the difference. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return Math.sqrt(reduce(actual, expected, (sum, a, e) => sum + (a - e) ** 2));
}

/** The errors that exceed `limit`, by name; `expect(above(limit, errors)).toEqual({})` then says which and by how much. */
export function above(limit: number, errors: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(errors).filter(([, error]) => !(error <= limit)));
}

/** NaN is worse than anything. */
const worse = (a: number, b: number): number => (a >= b ? a : Number.isNaN(a) ? a : b);

function reduce(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  step: (sum: number, actual: number, expected: number) => number,
): number {
  if (actual.length !== expected.length) {
    throw new Error(`Expected ${expected.length} values but received ${actual.length}`);
  }
  let sum = 0;
  for (let i = 0; i < expected.length; i++) sum = step(sum, actual[i]!, expected[i]!);
  return sum;
}
