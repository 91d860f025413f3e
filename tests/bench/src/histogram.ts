/** How many of some values lie where. */
export interface Histogram {
  /** What was measured, with its unit. */
  readonly of: string;
  readonly bins: readonly HistogramBin[];
}

export interface HistogramBin {
  /** Values below this, and not below the bound of the bin before. Without, all others. */
  readonly below?: number;
  readonly count: number;
}

const BAR_WIDTH = 40;

/** @param bounds in ascending order; what is not below the last one gets a bin of its own. */
export function histogram(
  of: string,
  values: readonly number[],
  bounds: readonly number[],
): Histogram {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  for (const value of values) {
    const found = bounds.findIndex((bound) => value < bound);
    const bin = found === -1 ? bounds.length : found;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const bins = counts.map((count, bin) => {
    const below = bounds[bin];
    return below === undefined ? { count } : { below, count };
  });
  return { of, bins };
}

/** A line for each bin, and one above them that says what they are of. */
export function formatHistogram({ of, bins }: Histogram): string {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  let from = 0;
  const lines = bins.map(({ below, count }) => {
    const range = below === undefined ? `${from} and more` : `${from} to ${below}`;
    from = below ?? from;
    // Whatever is not empty shows.
    const bar = '█'.repeat(Math.ceil((count / most) * BAR_WIDTH));
    return `  ${range.padEnd(14)}${String(count).padStart(8)} ${bar}`.trimEnd();
  });
  return [`  ${of}`, ...lines].join('\n');
}
