/**
 * How many bytes the UTF-8 sequence of a character beyond ASCII takes that starts there; 0 if none
 * does. Overlong forms, surrogates and what lies beyond Unicode are none.
 */
export function utf8SequenceLength(bytes: Uint8Array, start: number): number {
  const lead = bytes[start] ?? 0;
  const second = bytes[start + 1] ?? 0;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (lead < 0xe0) return isContinuation(second) ? 2 : 0;
  const isThird = isContinuation(bytes[start + 2] ?? 0);
  if (lead < 0xf0) {
    const min = lead === 0xe0 ? 0xa0 : 0x80;
    const max = lead === 0xed ? 0x9f : 0xbf;
    return second >= min && second <= max && isThird ? 3 : 0;
  }
  const min = lead === 0xf0 ? 0x90 : 0x80;
  const max = lead === 0xf4 ? 0x8f : 0xbf;
  const isFourth = isContinuation(bytes[start + 3] ?? 0);
  return second >= min && second <= max && isThird && isFourth ? 4 : 0;
}

const isContinuation = (byte: number): boolean => byte >> 6 === 0b10;
