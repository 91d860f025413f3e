import { createContextValues } from '@connectrpc/connect';
import {
  AssignmentService,
  ClusterService,
  HealthService,
  JobService,
  LoginService,
  ReadyTaskService,
  WorkerService,
} from '@spider/proto';
import * as reference from '@spider/proto/reference';
import { describe, expect, it } from 'vitest';

import { valuesWithPeer } from '../rpc/peer.ts';
import { ACCESS_TABLE, type RequiredIdentity } from './access-table.ts';
import { Authenticator, type AuthOptions } from './authenticator.ts';
import { type Identity, identityOf, refusal } from './identity.ts';

const SERVICES = [
  AssignmentService,
  ClusterService,
  HealthService,
  JobService,
  LoginService,
  ReadyTaskService,
  WorkerService,
  reference.ExecutionManagerLivenessService,
  reference.InboundQueueService,
  reference.JobOrchestrationService,
  reference.ResourceGroupManagementService,
  reference.SchedulerRegistrationService,
  reference.SchedulerService,
  reference.SessionManagementService,
  reference.TaskInstanceManagementService,
];

const METHODS = SERVICES.flatMap(({ typeName, methods }) =>
  methods.map(({ name }) => `${typeName}/${name}`),
);

const IDENTITIES: readonly Identity[] = ['nobody', 'resource-group', 'administrator', 'process'];

/** Who may call a method, by what it requires. */
const ALLOWED: Readonly<Record<RequiredIdentity, readonly Identity[]>> = {
  anybody: IDENTITIES,
  user: ['resource-group', 'administrator'],
  administrator: ['administrator'],
  process: ['process'],
};

describe('the table of who may call what', () => {
  it('has every method of every service, and nothing else', () => {
    expect([...ACCESS_TABLE.keys()].toSorted()).toEqual(METHODS.toSorted());
  });

  it('tells nobody anything but who a server is, how it is, and how to log in', () => {
    const open = METHODS.filter((method) => refusal(method, 'nobody') === undefined);
    expect(open.map((method) => method.slice(method.indexOf('/') + 1)).toSorted()).toEqual([
      'Check',
      'GetServerInfo',
      'Login',
      'Watch',
      'WhoAmI',
    ]);
  });

  it.each(METHODS)('is obeyed by %s', (method) => {
    const allowed = IDENTITIES.filter((identity) => refusal(method, identity) === undefined);
    expect(allowed).toEqual(ALLOWED[ACCESS_TABLE.get(method) ?? 'anybody']);
    for (const identity of IDENTITIES.filter((each) => !allowed.includes(each))) {
      const code = identity === 'nobody' ? 'unauthenticated' : 'permission-denied';
      expect(refusal(method, identity)).toMatchObject({ code });
    }
  });

  it('refuses to everybody what it does not have', () => {
    expect(refusal('spider.v1.JobService/Forgotten', 'administrator')).toMatchObject({
      code: 'permission-denied',
    });
  });
});

const CLUSTER = 'cluster-token-0123456789';
const ADMIN = 'admin-token-0123456789';
const OPTIONS: AuthOptions = {
  mode: 'required',
  clusterTokenFile: undefined,
  adminTokenFile: undefined,
  clusterCertificates: [],
};
const ENV = { SPIDER_CLUSTER_TOKEN: CLUSTER, SPIDER_ADMIN_TOKEN: ADMIN };
const GET_JOB = 'spider.v1.JobService/GetJob';
const EXCHANGE = 'spider.v1.WorkerService/Exchange';

async function call(method: string, authorization: string | null): Promise<Identity | undefined> {
  const authenticator = await Authenticator.open(OPTIONS, ENV);
  const values = createContextValues();
  authenticator.guard((token) => {
    if (token !== 'a login') throw new Error('no login');
  })({ method, values, header: () => authorization });
  return identityOf({ values });
}

describe('a server that asks who calls', () => {
  it('knows processes, administrators and resource groups by what they bring', async () => {
    expect(await call(EXCHANGE, `Bearer ${CLUSTER}`)).toBe('process');
    expect(await call(GET_JOB, `Bearer ${ADMIN}`)).toBe('administrator');
    expect(await call(GET_JOB, 'Bearer a login')).toBe('resource-group');
  });

  it('refuses the wrong token, none, and one that is for other methods, with what to bring', async () => {
    await expect(call(EXCHANGE, 'Bearer wrong')).rejects.toThrow('no login');
    await expect(call(EXCHANGE, null)).rejects.toThrow(
      'WorkerService/Exchange needs to know who calls: bring the token of the cluster (SPIDER_CLUSTER_TOKEN, cluster_token_file)',
    );
    await expect(call(GET_JOB, null)).rejects.toThrow(
      'JobService/GetJob needs to know who calls: log in as a resource group (SPIDER_GROUP, SPIDER_PASSWORD)',
    );
    await expect(call(GET_JOB, `Bearer ${CLUSTER}`)).rejects.toThrow(
      'JobService/GetJob is not for a process of the cluster',
    );
    await expect(call(EXCHANGE, `Bearer ${ADMIN}`)).rejects.toThrow('is not for an administrator');
    await expect(call(GET_JOB, `Basic ${CLUSTER}`)).rejects.toThrow('does not begin with');
  });

  it('lets everybody log in, whatever token they still have', async () => {
    expect(await call('spider.v1.LoginService/Login', 'Bearer wrong')).toBeUndefined();
  });

  it('does not start if it would know no process of the cluster', async () => {
    await expect(Authenticator.open(OPTIONS, {})).rejects.toThrow(
      /nothing tells processes of the cluster: give auth\.cluster_token_file/,
    );
    const certified = { ...OPTIONS, clusterCertificates: ['worker.example'] };
    await expect(Authenticator.open(certified, {})).resolves.toMatchObject({ isRequired: true });
  });

  it('knows processes by the names in their certificates', async () => {
    const certified = { ...OPTIONS, clusterCertificates: ['worker.example'] };
    const guard = (await Authenticator.open(certified, {})).guard();
    const come = (certificate: string): void => {
      const peer = { heardUs: 0, isCertifiedAs: (name: string) => name === certificate };
      guard({ method: EXCHANGE, values: valuesWithPeer(peer), header: () => null });
    };
    expect(() => come('worker.example')).not.toThrow();
    expect(() => come('somebody.example')).toThrow('needs to know who calls');
  });
});
