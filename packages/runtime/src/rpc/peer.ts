import { type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';

/** The process at the other end of the connection that a call has come on. */
export interface Peer {
  /** When it last pinged or answered a ping, by `Clock.monotonicUs`; at first when it connected. */
  readonly heardUs: number;
  /**
   * Whether it has shown a certificate of this name, of an authority that this server trusts. Without TLS
   * nobody has.
   */
  isCertifiedAs(name: string): boolean;
}

const peerKey = createContextKey<Peer | undefined>(undefined, {
  description: 'the peer of a call',
});

export const valuesWithPeer = (peer: Peer | undefined): ContextValues =>
  createContextValues().set(peerKey, peer);

/** Of a call at a server; undefined without a connection, within one process. */
export const peerOf = (context: { readonly values: ContextValues }): Peer | undefined =>
  context.values.get(peerKey);
