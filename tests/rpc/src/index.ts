export { GrpcClient, type Answer } from './grpc-client.ts';
export { Schema, type PlainMessage, type RpcMethod } from './schema.ts';
export { SITUATIONS } from './situations/index.ts';
