import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { invalidArgument, LIMITS } from '@spider/core';
import type { ExecutionManagerId } from '@spider/core';
import {
  DeregisterExecutionManagerResponseSchema,
  RegisterExecutionManagerResponseSchema,
} from '@spider/proto';
import type { WorkerService } from '@spider/proto';
import { handleStream } from '@spider/runtime';
import { checkText } from './check.ts';
import { WorkerConnection } from './worker-connection.ts';
import type { WorkerConnectionOptions } from './worker-connection.ts';

/** What execution managers call. */
export function createWorkerService(
  options: WorkerConnectionOptions,
): ServiceImpl<typeof WorkerService> {
  const { registry, sessionId, logger } = options;
  return {
    async registerExecutionManager({ host, slots, version }) {
      checkText('host', host, LIMITS.nameBytes);
      checkText('version', version, LIMITS.versionBytes);
      if (slots < 1 || slots > LIMITS.slotsPerExecutionManager) {
        throw invalidArgument(
          `slots: ${slots} is not from 1 to ${LIMITS.slotsPerExecutionManager}`,
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
      handleStream(requests, context, (stream) => new WorkerConnection(options, stream), {
        logger,
      }),
  };
}
