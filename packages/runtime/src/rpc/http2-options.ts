/** Both ends: how much a peer may send on one stream before it is told that it was read. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;

/** The same for all streams of a connection together. */
export const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;

export const HTTP2_OPTIONS = {
  settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  // Counts what waits to be sent, so it must hold a few of the largest messages.
  maxSessionMemory: 2048,
} as const;
