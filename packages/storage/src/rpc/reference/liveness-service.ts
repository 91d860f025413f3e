import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { invalidArgument } from '@spider/core';
import type { ExecutionManagerId, SessionId } from '@spider/core';
import {
  RegisterExecutionManagerResponseSchema,
  UpdateExecutionManagerHeartbeatResponseSchema,
} from '@spider/proto/reference';
import type { ExecutionManagerLivenessService } from '@spider/proto/reference';
import type { Clock, Rng } from '@spider/runtime';
import { retryTransient } from '../../db/retry-transient.ts';
import type { ExecutionManagerRegistry } from '../../liveness/execution-manager-registry.ts';

export interface LivenessOptions {
  readonly registry: ExecutionManagerRegistry;
  readonly sessionId: SessionId;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** Where execution managers of the reference register, and say that they are alive. */
export const createLivenessService = ({
  registry,
  sessionId,
  clock,
  rng,
}: LivenessOptions): ServiceImpl<typeof ExecutionManagerLivenessService> => ({
  async registerExecutionManager({ ipAddress }) {
    // Node also takes scoped addresses, which mean nothing on another machine.
    if (isIP(ipAddress) === 0 || ipAddress.includes('%')) {
      throw invalidArgument('ip_address: is neither an IPv4 nor an IPv6 address');
    }
    // Each has one executor.
    const executionManager = { host: ipAddress, slots: 1, hasStream: false, version: '' };
    const id = await retryTransient({ clock, rng }, () => registry.register(executionManager));
    return create(RegisterExecutionManagerResponseSchema, {
      registration: { executionManagerId: id, sessionId },
    });
  },

  async updateExecutionManagerHeartbeat({ executionManagerId }) {
    await registry.heartbeat(executionManagerId as ExecutionManagerId);
    return create(UpdateExecutionManagerHeartbeatResponseSchema, { sessionId });
  },
});
