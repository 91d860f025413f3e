import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { invalidArgument, LIMITS } from '@spider/core';
import type { SessionId } from '@spider/core';
import {
  GetSchedulersResponseSchema,
  RegisterSchedulerResponseSchema,
} from '@spider/proto/reference';
import type { SchedulerRegistrationService } from '@spider/proto/reference';
import type { Clock, Logger, Rng } from '@spider/runtime';
import type { ClusterStore } from '../../db/job-store.ts';
import { retryTransient } from '../../db/retry-transient.ts';
import type { ReadyTaskPolls } from '../../queue/ready-task-polls.ts';
import { checkText } from '../check.ts';

export interface SchedulerRegistrationOptions {
  readonly store: ClusterStore;
  readonly polls: ReadyTaskPolls;
  readonly sessionId: SessionId;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** Where schedulers of the reference register. There is one at a time. */
export const createSchedulerRegistrationService = (
  options: SchedulerRegistrationOptions,
): ServiceImpl<typeof SchedulerRegistrationService> => ({
  async registerScheduler({ host, port }) {
    const { store, polls, sessionId, clock, logger } = options;
    if (host === '') throw invalidArgument('host: is empty');
    checkText('host', host, LIMITS.nameBytes);
    if (port > 65_535) throw invalidArgument(`port: ${port} is more than 65535`);
    const schedulerId = await retryTransient(options, () =>
      store.registerScheduler(host, port, clock.now()),
    );
    logger.info('a scheduler of the reference is registered', { schedulerId, host, port });
    polls.schedulerRegistered();
    return create(RegisterSchedulerResponseSchema, { registration: { schedulerId, sessionId } });
  },

  async getSchedulers() {
    const schedulers = await retryTransient(options, () => options.store.listSchedulers());
    return create(GetSchedulersResponseSchema, {
      schedulers: {
        schedulers: schedulers.map(({ id, host, port }) => ({ schedulerId: id, host, port })),
      },
    });
  },
});
