/**
 * How much a peer may send before it is told that it was read, on one stream and on all streams of a
 * connection together. A batch of inputs or outputs is larger than HTTP/2's 64 KiB, which costs such
 * messages a third of their throughput.
 */
const STREAM_WINDOW_BYTES = 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/** In megabytes. Counts what waits to be sent, so it must hold some of the largest messages. */
const SESSION_MEMORY_MAX_MB = 2048;

export const HTTP2_OPTIONS = {
  settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  maxSessionMemory: SESSION_MEMORY_MAX_MB,
} as const;
