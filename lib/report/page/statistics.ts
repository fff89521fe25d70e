/** How numbers are spread. */
export interface Spread {
  count: number;
  mean: number;
  /** Of the sample; 0 for one number. */
  deviation: number;
  min: number;
  median: number;
  max: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    count,
    mean,
    deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0,
    min: Math.min(...values),
    median: quantile(values, 0.5),
    max: Math.max(...values),
  };
}

/** Interpolated between the two nearest, as numpy does. */
export function quantile(values: readonly number[], fraction: number): number {
  const ordered = [...values].sort((a, b) => a - b);
  const place = (ordered.length - 1) * fraction;
  const below = ordered[Math.floor(place)]!;
  return below + (ordered[Math.ceil(place)]! - below) * (place - Math.floor(place));
}

/**
 * The range that tells most values apart: from the smallest that is no outlier (within 1.5 interquartile ranges below
 * the first quartile) to the largest.
 */
export function tellingRange(values: readonly number[]): { low: number; high: number; clipped: boolean } {
  const first = quantile(values, 0.25);
  const fence = first - 1.5 * (quantile(values, 0.75) - first);
  const low = Math.min(...values.filter((value) => value >= fence));
  return { low, high: Math.max(...values), clipped: values.some((value) => value < low) };
}

/**
 * Seconds during which at least one trial was in training: the sweep's time without the breaks between interruption and
 * resumption.
 */
export function busySeconds(trials: readonly { finished: string; seconds: number }[]): number {
  const intervals = trials
    .map(({ finished, seconds }) => ({ end: Date.parse(finished) / 1000, seconds }))
    .map(({ end, seconds }) => ({ begin: end - seconds, end }))
    .sort((a, b) => a.begin - b.begin);
  let busy = 0;
  let covered = Number.NEGATIVE_INFINITY;
  for (const { begin, end } of intervals) {
    busy += Math.max(0, end - Math.max(begin, covered));
    covered = Math.max(covered, end);
  }
  return busy;
}
