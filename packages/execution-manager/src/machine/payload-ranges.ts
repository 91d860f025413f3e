/** Payloads where they were received: payload i lies in `bytes` from `starts[i]` to `ends[i]`. */
export interface PayloadRanges {
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Puts payloads one after another. */
export function packPayloads(payloads: readonly Uint8Array[]): PayloadRanges {
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (const payload of payloads) {
    starts.push(at);
    at += payload.length;
    ends.push(at);
  }
  const bytes = new Uint8Array(at);
  payloads.forEach((payload, i) => bytes.set(payload, starts[i]));
  return { bytes, starts, ends };
}
