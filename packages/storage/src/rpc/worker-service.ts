import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { checkProtocolVersion, invalidArgument, LIMITS } from '@spider/core';
import type { ExecutionManagerId } from '@spider/core';
import {
  DeregisterExecutionManagerResponseSchema,
  RegisterExecutionManagerResponseSchema,
} from '@spider/proto';
import type { WorkerService } from '@spider/proto';
import { handleStream, peerOf } from '@spider/runtime';
import { checkText } from './check.ts';
import { WorkerConnection } from './worker-connection.ts';
import type { WorkerConnectionOptions } from './worker-connection.ts';

export interface WorkerServiceOptions extends WorkerConnectionOptions {
  /** How long an execution manager may be without a stream. */
  readonly streamGraceMs: number;
}

/** What execution managers call. */
export function createWorkerService(
  options: WorkerServiceOptions,
): ServiceImpl<typeof WorkerService> {
  const { registry, sessionId, streamGraceMs, logger } = options;
  return {
    async registerExecutionManager({ host, slots, version, reconnectMs, protocolVersion }) {
      checkProtocolVersion(protocolVersion, 'storage');
      checkText('host', host, LIMITS.nameBytes);
      checkText('version', version, LIMITS.versionBytes);
      if (slots < 1 || slots > LIMITS.slotsPerExecutionManager) {
        throw invalidArgument(
          `slots: ${slots} is not from 1 to ${LIMITS.slotsPerExecutionManager}`,
        );
      }
      if (reconnectMs > streamGraceMs) {
        throw invalidArgument(
          `reconnect_ms: this execution manager may need ${reconnectMs} ms to come back, and is lost ` +
            `after ${streamGraceMs} ms: raise runtime.execution_managers.stream_grace_ms of all ` +
            'storages, or lower the times under liveness of the execution manager',
        );
      }
      const executionManagerId = await registry.register({ host, slots, version, hasStream: true });
      return create(RegisterExecutionManagerResponseSchema, { executionManagerId, sessionId });
    },

    async deregisterExecutionManager({ executionManagerId }) {
      await registry.deregister(executionManagerId as ExecutionManagerId);
      return create(DeregisterExecutionManagerResponseSchema);
    },

    exchange: (requests, context) =>
      handleStream(
        requests,
        context,
        (stream) => new WorkerConnection(options, stream, peerOf(context)),
        { logger },
      ),
  };
}
