const START_MS = 2;
const MIN_MS = 0.01;
const MAX_MS = 128;
/** Two lengths so close to each other are the same. */
const CLOSE = 1.1;

/**
 * Searches the smallest task length at which an efficiency is reached, by factors: doubling or halving
 * until it lies between two lengths, and then at their geometric mean.
 *
 * @returns the length, in milliseconds.
 * @throws Error if it is reached at no length.
 */
export async function findGrain(
  efficiencyAt: (lengthMs: number) => Promise<number>,
  wanted: number,
): Promise<number> {
  const reaches = async (lengthMs: number): Promise<boolean> =>
    (await efficiencyAt(lengthMs)) >= wanted;
  let enough = START_MS;
  let tooShort = START_MS;
  if (await reaches(enough)) {
    do {
      tooShort = enough / 2;
      if (tooShort < MIN_MS) return enough;
    } while ((await reaches(tooShort)) && (enough = tooShort));
  } else {
    do {
      tooShort = enough;
      enough *= 2;
      if (enough > MAX_MS) throw new Error(`no efficiency of ${wanted} at ${MAX_MS} ms a task`);
    } while (!(await reaches(enough)));
  }
  while (enough / tooShort > CLOSE) {
    const between = Math.sqrt(enough * tooShort);
    if (await reaches(between)) enough = between;
    else tooShort = between;
  }
  return enough;
}
