import { create, isMessage } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Http2Stream } from 'node:http2';

import { OutgoingStream } from '../../outgoing-stream.ts';
import { encodeEnvelope } from './envelope.ts';

/**
 * Writes messages to a stream. The next one is asked for when those before it are on their way; what
 * is there already then goes out with it.
 *
 * @param onFirst before the first message.
 * @returns false if the stream has not taken them all, for its peer is gone.
 * @throws what the messages end with.
 */
export async function sendMessages<Desc extends DescMessage>(
  stream: Http2Stream,
  schema: Desc,
  messages: AsyncIterable<MessageInitShape<Desc>>,
  onFirst?: () => void,
): Promise<boolean> {
  const iterator = messages[Symbol.asyncIterator]();
  const ready: OutgoingStream<MessageInitShape<Desc>> | undefined =
    messages instanceof OutgoingStream ? messages : undefined;
  const encode = (message: MessageInitShape<Desc>): Buffer =>
    encodeEnvelope(schema, toMessage(schema, message));
  let isFirst = true;
  for (;;) {
    const result = await iterator.next();
    if (result.done === true) return true;
    if (stream.destroyed) break;
    if (isFirst) onFirst?.();
    isFirst = false;
    let message = result.value;
    for (;;) {
      const next = stream.writableNeedDrain ? undefined : ready?.take();
      if (next === undefined) break;
      stream.write(encode(message));
      message = next;
    }
    if (!(await written(stream, encode(message)))) break;
  }
  await iterator.return?.();
  return false;
}

/** A message as it is, or made of its fields. */
export const toMessage = <Desc extends DescMessage>(
  schema: Desc,
  message: MessageInitShape<Desc>,
): MessageShape<Desc> => (isMessage(message, schema) ? message : create(schema, message));

/** Answers, when the bytes are on their way, whether they are. */
function written(stream: Http2Stream, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    stream.write(bytes, (error) => resolve(error === undefined || error === null));
  });
}
