export { PEER_WORKLOADS, type PeerResult } from './peer-result.ts';
export { type PeersOptions, runPeers } from './run-peers.ts';
