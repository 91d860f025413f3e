import { create, type DescMethod } from '@bufbuild/protobuf';
import { createContextValues, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { notFound, timestampMs } from '@spider/core';
import type { ResourceGroupId } from '@spider/core';
import { JobService } from '@spider/proto';
import { JobOrchestrationService } from '@spider/proto/reference';
import { Authenticator } from '@spider/runtime';
import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../cache/job-status.ts';
import { noteCaller } from './caller.ts';
import { keepToOwnJobs, keepToOwnReferenceJobs } from './job-access.ts';

const OWN = 3n as ResourceGroupId;
const FOREIGN_JOB = 7n;
const OWN_JOB = 8n;
const ADMIN = 'admin-token-0123456789';
const ENV = { SPIDER_CLUSTER_TOKEN: 'cluster-token-0123456789', SPIDER_ADMIN_TOKEN: ADMIN };

const jobs = {
  status: async (id: bigint): Promise<JobStatus> => {
    if (id !== FOREIGN_JOB && id !== OWN_JOB) throw notFound(`job ${id} does not exist`);
    return { resourceGroupId: id === OWN_JOB ? OWN : 4n } as JobStatus;
  },
};

/** A service whose methods answer that they were reached. */
function reached(methods: readonly DescMethod[]): Record<string, unknown> {
  return Object.fromEntries(
    methods.map(({ localName, methodKind }) => [
      localName,
      methodKind === 'server_streaming'
        ? async function* () {
            yield await Promise.resolve('reached');
          }
        : () => 'reached',
    ]),
  );
}

async function contextOf(token: string): Promise<HandlerContext> {
  const authenticator = await Authenticator.open(
    {
      mode: 'required',
      clusterTokenFile: undefined,
      adminTokenFile: undefined,
      clusterCertificates: [],
    },
    ENV,
  );
  const values = createContextValues();
  const guard = authenticator.guard((_token, noted) =>
    noteCaller(noted, { resourceGroupId: OWN, expiresAt: timestampMs(1) }),
  );
  guard({ method: 'spider.v1.JobService/GetJob', values, header: () => `Bearer ${token}` });
  return { values } as HandlerContext;
}

const services = [
  [JobService, keepToOwnJobs(reached(JobService.methods) as ServiceImpl<typeof JobService>, jobs)],
  [
    JobOrchestrationService,
    keepToOwnReferenceJobs(
      reached(JobOrchestrationService.methods) as ServiceImpl<typeof JobOrchestrationService>,
      jobs,
    ),
  ],
] as const;

/** All methods that are about one job. */
const METHODS = services.flatMap(([{ methods }, service]) =>
  methods
    .filter(({ input }) => 'jobId' in input.field)
    .map((method) => [method.parent.typeName, method.name, method, service] as const),
);

async function call(method: DescMethod, service: object, jobId: bigint, token: string) {
  const answer = (service as Record<string, (...args: unknown[]) => unknown>)[method.localName];
  const request = { ...create(method.input), jobId };
  const response = answer?.(request, await contextOf(token));
  if (method.methodKind !== 'server_streaming') return await response;
  for await (const message of response as AsyncIterable<unknown>) return message;
  return undefined;
}

describe('a resource group that has logged in', () => {
  it('is looked at by all methods about a job', () => {
    expect(METHODS).toHaveLength(16);
  });

  it.each(METHODS)(
    'reaches its own jobs by %s/%s, and no others',
    async (...[, , method, service]) => {
      expect(await call(method, service, OWN_JOB, 'a login')).toBe('reached');
      await expect(call(method, service, FOREIGN_JOB, 'a login')).rejects.toMatchObject({
        code: 'permission-denied',
        message: "job 7 is another resource group's: log in as the one that has submitted it",
      });
      await expect(call(method, service, 9n, 'a login')).rejects.toMatchObject({
        code: 'not-found',
      });
    },
  );

  it.each(METHODS)(
    'is none where an administrator calls %s/%s',
    async (...[, , method, service]) => {
      expect(await call(method, service, FOREIGN_JOB, ADMIN)).toBe('reached');
    },
  );
});
