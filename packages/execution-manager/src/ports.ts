import type { Transport } from '@connectrpc/connect';

/** The way to the service at a URL. Asked for anew on each attempt. */
export type Connect = (url: string) => Connection;

export interface Connection extends Transport {
  /** Asks the process at the other end whether it lives, and calls back if it does. */
  ping(onAnswer: () => void): void;
  /** Breaks all that runs on it. Later calls connect anew. */
  close(): void;
}
