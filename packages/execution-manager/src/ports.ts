import type { Transport } from '@connectrpc/connect';

/** The way to the service at a URL. Asked for anew on each attempt. */
export type Connect = (url: string) => Connection;

export interface Connection extends Transport {
  /** Breaks all that runs on it. Later calls connect anew. */
  close(): void;
}
