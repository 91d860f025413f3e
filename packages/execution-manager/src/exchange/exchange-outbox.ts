import { create } from '@bufbuild/protobuf';
import { LIMITS, PROTOCOL_VERSION } from '@spider/core';
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type JobInstances,
  type JobTasks,
  WorkerHelloSchema,
} from '@spider/proto';
import type { LeaseLedger } from '../assignment/lease-ledger.ts';
import type { ReportMessage } from '../report/kept-reports.ts';
import type { OutcomeReporter } from '../report/outcome-reporter.ts';

/** Makes the messages for storage out of what has gathered in a turn of the event loop. */
export class ExchangeOutbox {
  readonly #reporter: OutcomeReporter;
  readonly #ledger: LeaseLedger;
  #leases: JobTasks[] = [];

  constructor(reporter: OutcomeReporter, ledger: LeaseLedger) {
    this.#reporter = reporter;
    this.#ledger = ledger;
  }

  lease(tasks: JobTasks): void {
    if (tasks.taskIndexes.length > 0) this.#leases.push(tasks);
  }

  /** What is new since the last call. */
  take(): ExchangeRequest[] {
    const requests = toLeaseRequests(this.#leases);
    this.#leases = [];
    this.#reporter.take().forEach((message, i) => {
      const request = requests[i] ?? create(ExchangeRequestSchema);
      requests[i] = withReports(request, message);
    });
    return requests;
  }

  /**
   * What a new stream begins with: who we are and what we hold, the leases that were not answered
   * on the stream before, and all reports that are not flushed.
   */
  opening(executionManagerId: bigint, running: readonly JobInstances[]): ExchangeRequest[] {
    this.take();
    const held = [...running, ...this.#reporter.kept.instances()];
    const { messages } = this.#reporter.kept;
    const lastReportSequence = BigInt(messages.at(-1)?.sequence ?? 0);
    const hello = create(ExchangeRequestSchema, {
      hello: create(WorkerHelloSchema, {
        executionManagerId,
        held,
        lastReportSequence,
        pings: true,
        protocolVersion: PROTOCOL_VERSION,
      }),
    });
    const reports = messages.map((message) => withReports(create(ExchangeRequestSchema), message));
    return [hello, ...toLeaseRequests(this.#ledger.unanswered()), ...reports];
  }
}

function withReports(request: ExchangeRequest, message: ReportMessage): ExchangeRequest {
  request.reports = message.reports;
  request.reportSequence = BigInt(message.sequence);
  return request;
}

/** Puts leases into as few messages as their bound allows. */
function toLeaseRequests(leases: readonly JobTasks[]): ExchangeRequest[] {
  const requests: ExchangeRequest[] = [];
  let request: ExchangeRequest | undefined;
  let count = 0;
  for (const tasks of leases) {
    count += tasks.taskIndexes.length;
    if (request === undefined || count > LIMITS.tasksPerMessage) {
      request = create(ExchangeRequestSchema);
      requests.push(request);
      count = tasks.taskIndexes.length;
    }
    request.leases.push(tasks);
  }
  return requests;
}
