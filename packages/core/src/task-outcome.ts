/** How an attempt at a task ended, numbered as on the wire of `spider.v1`. */
export const TaskOutcome = {
  /** Its payload is the wire frame of the outputs. */
  Succeeded: 1,
  /** Its payload is a message in UTF-8; the task may be tried again. */
  Failed: 2,
  /** As Failed, and trying again is pointless. */
  FailedForGood: 3,
  /** The execution manager never ran it and gives it back; costs no retry. */
  Released: 4,
} as const;

export type TaskOutcome = (typeof TaskOutcome)[keyof typeof TaskOutcome];
