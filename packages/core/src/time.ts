declare const unit: unique symbol;

/** Milliseconds since the epoch. */
export type TimestampMs = number & { readonly [unit]: 'timestamp' };

/** A span of time in milliseconds. */
export type DurationMs = number & { readonly [unit]: 'duration' };

export const timestampMs = (value: number): TimestampMs => value as TimestampMs;
export const durationMs = (value: number): DurationMs => value as DurationMs;
