/** How many of what storage holds for those who come and go. */
export interface StorageUsage {
  /** That have not ended, and their tasks. */
  readonly jobs: number;
  readonly tasks: number;
  /** Whose status is still in memory. */
  readonly endedJobs: number;
  readonly executionManagers: number;
  readonly submissions: number;
  readonly uploads: number;
  /** Starts and cancels that wait for the database. */
  readonly requests: number;
  /** Instances, and jobs, whose time may run out. */
  readonly softTimeouts: number;
  readonly deadlines: number;
  /** Task logs that clients read. */
  readonly taskLogReads: number;
  readonly flushListeners: number;
  readonly unflushedBytes: number;
  /** Of finished tasks, in memory; and jobs whose outputs are being read back. */
  readonly outputBytes: number;
  readonly recalls: number;
}
