/** Steps of tasks; each task names the places of its parents in the step before. */
export type Pattern = readonly (readonly (readonly number[])[])[];

const WIDTH = 32;
const STEPS = 100;
const SPREAD = 3;
const TREE_DEPTH = 11;
const FFT_STAGES = Math.log2(WIDTH);

/** The patterns of Task Bench (Slaughter and others, SC 2020) that go by these names. */
export const PATTERNS: Readonly<Record<string, Pattern>> = {
  /** A task takes its own place and its neighbours. */
  stencil: rectangle((_step, place) =>
    [place - 1, place, place + 1].filter((parent) => parent >= 0 && parent < WIDTH),
  ),
  /** A butterfly: a task takes its own place and the one that differs in one bit. */
  fft: rectangle((step, place) => [place, place ^ (1 << ((step - 1) % FFT_STAGES))]),
  /** From one task on, each has two below it. */
  tree: Array.from({ length: TREE_DEPTH + 1 }, (_, step) =>
    Array.from({ length: 2 ** step }, (_, place) => (step === 0 ? [] : [place >> 1])),
  ),
  /** A task takes places far from one another, others in each step. */
  spread: rectangle((step, place) =>
    Array.from(
      { length: SPREAD },
      (_, i) => (place + step + Math.floor((i * WIDTH) / SPREAD)) % WIDTH,
    ),
  ),
};

function rectangle(parentsOf: (step: number, place: number) => readonly number[]): Pattern {
  return Array.from({ length: STEPS }, (_, step) =>
    Array.from({ length: WIDTH }, (_, place) => (step === 0 ? [] : parentsOf(step, place))),
  );
}
