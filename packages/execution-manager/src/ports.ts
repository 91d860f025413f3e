import type { Transport } from '@connectrpc/connect';

/** The way to the service at a URL. Asked for anew on each attempt. */
export type Connect = (url: string) => Transport;
