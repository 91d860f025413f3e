import { connect, type IncomingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import { JobService } from '@spider/proto';
import { invalidArgument } from '@spider/core';
import { expect, it } from 'vitest';
import { toGrpcMessage } from './grpc-response.ts';
import { startRpcServer } from './server.ts';

/** Printable and not, escaped and not. */
const TEXTS: readonly (readonly [text: string, onTheWire: string])[] = [
  ['host: is empty', 'host: is empty'],
  [`"a", [b] & {c} + d = 'e' / f? #g; @h`, `"a", [b] & {c} + d = 'e' / f? #g; @h`],
  ['100 %', '100 %25'],
  ['%3A', '%253A'],
  ['läuft\n', 'l%C3%A4uft%0A'],
  [' x ', '%20x%20'],
  ['\u007f~', '%7F~'],
  ['', ''],
];

it.each(TEXTS)('writes the message %j as %j', (text, onTheWire) => {
  expect(toGrpcMessage(text)).toBe(onTheWire);
  expect(decodeURIComponent(onTheWire)).toBe(text);
});

it.each([
  ['a plain call', {}],
  ['a call with a deadline', { 'grpc-timeout': '10S' }],
])("writes a handler's error so that any client of %s can read it", async (_, headers) => {
  await using server = await startRpcServer({
    routes: (router) =>
      router.service(JobService, {
        getJob: () => {
          throw invalidArgument('job_id: 5 is no "job"');
        },
      }),
  });
  const session = connect(server.url);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/spider.v1.JobService/GetJob',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let fields: IncomingHttpHeaders = {};
  const note = (more: IncomingHttpHeaders): void => {
    fields = { ...fields, ...more };
  };
  stream.on('response', note).on('trailers', note).end(Buffer.alloc(5));
  stream.resume();
  await once(stream, 'close');
  expect(fields).toMatchObject({ 'grpc-status': '3', 'grpc-message': 'job_id: 5 is no "job"' });
  session.destroy();
});
