import type { ServiceImpl } from '@connectrpc/connect';
import type { AssignmentService, PullAssignmentsResponse } from '@spider/proto';
import { handleStream, type Logger, type RpcStream } from '@spider/runtime';

import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { AssignmentStream } from './assignment-stream.ts';

/** Serves execution managers their assignments. What one of them does wrong ends its stream alone. */
export function assignmentService(options: {
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
}): ServiceImpl<typeof AssignmentService> {
  return {
    pullAssignments: (requests, context) =>
      handleStream(
        requests,
        context,
        (stream: RpcStream<PullAssignmentsResponse>) => new AssignmentStream(stream, options),
        options,
      ),
  };
}
