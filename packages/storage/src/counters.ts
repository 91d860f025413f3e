/** Plain numbers that only ever grow, read when somebody asks. */
export interface StorageCounters {
  /** Reports of jobs that are not in memory. */
  staleReports: number;
}

export const newCounters = (): StorageCounters => ({ staleReports: 0 });
