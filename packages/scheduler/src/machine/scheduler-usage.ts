/** How many tasks a scheduler holds, and may still be given. */
export interface SchedulerUsage {
  /** Kinds of execution managers, by what they may run. */
  readonly pools: number;
  /** Tasks that wait to be assigned. */
  readonly waiting: number;
  /** Tasks that may still come on credit that storage has been given. */
  readonly upstreamCredit: number;
  /** Tasks that are assigned and not acknowledged. */
  readonly unacknowledged: number;
  /** Tasks that execution managers would still take. */
  readonly credit: number;
}
