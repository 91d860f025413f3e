import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { invalidArgument, LIMITS } from '@spider/core';
import type { ExecutionManagerId, SessionId } from '@spider/core';
import {
  DeregisterExecutionManagerResponseSchema,
  RegisterExecutionManagerResponseSchema,
} from '@spider/proto';
import type { WorkerService } from '@spider/proto';
import { handleStream } from '@spider/runtime';
import type { Clock, Logger } from '@spider/runtime';
import type { JobCache } from '../cache/job-cache.ts';
import type { StorageCounters } from '../counters.ts';
import type { EffectRunner } from '../effect-runner.ts';
import type { Journal } from '../journal/journal.ts';
import type { ExecutionManagerRegistry } from '../liveness/execution-manager-registry.ts';
import { checkText } from './check.ts';
import { WorkerConnection } from './worker-connection.ts';

export interface WorkerServiceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cache: JobCache;
  readonly runner: EffectRunner;
  readonly journal: Journal;
  readonly registry: ExecutionManagerRegistry;
  readonly counters: StorageCounters;
  readonly sessionId: SessionId;
  readonly heartbeatIntervalMs: number;
}

/** What execution managers call. */
export function createWorkerService(
  options: WorkerServiceOptions,
): ServiceImpl<typeof WorkerService> {
  const { registry, sessionId, logger } = options;
  return {
    async registerExecutionManager({ host, slots }) {
      checkText('host', host, LIMITS.nameBytes);
      if (slots < 1 || slots > LIMITS.slotsPerExecutionManager) {
        throw invalidArgument(
          `slots: ${slots} is not from 1 to ${LIMITS.slotsPerExecutionManager}`,
        );
      }
      const executionManagerId = await registry.register({ host, slots, hasStream: true });
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
