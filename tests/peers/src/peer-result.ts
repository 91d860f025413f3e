/** What a peer made of a workload. */
export interface PeerResult {
  readonly peer: string;
  /** Of the peer, and of the server that it keeps its jobs in. */
  readonly version: string;
  readonly durability: string;
  readonly workload: string;
  /** Undefined if it cannot do it. */
  readonly measured?: {
    readonly tasks: number;
    /** Of each run, from submission to the end. Outputs, or the order of runs, were verified in each. */
    readonly seconds: readonly number[];
  };
  /** Why it cannot. */
  readonly cannot?: string;
}

export const PEER_WORKLOADS = ['flat-10k', 'fan-in-10k', 'layered-10k', 'chain-1000'] as const;
