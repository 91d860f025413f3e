const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const encodeUtf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** @throws TypeError if the bytes are not UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

/** How many bytes the text takes in UTF-8, found without encoding it. */
export function utf8ByteLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit < 0xd800 || unit > 0xdfff) bytes += 2;
    else {
      // A surrogate pair is two units and four bytes; a lone surrogate is written as U+FFFD.
      const next = text.charCodeAt(i + 1);
      bytes += 2;
      if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) i++;
    }
  }
  return bytes;
}
