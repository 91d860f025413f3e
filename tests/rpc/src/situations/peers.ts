import type { PlainMessage } from '../schema.ts';
import { UNKNOWN } from './situation.ts';
import type { Scene, Situation } from './situation.ts';

const POLLS = ['PollReadyTasks', 'PollReadyCommitTasks', 'PollReadyCleanupTasks'] as const;
/** The largest number of the wire. */
const HUGE = '18446744073709551615';

const polls: readonly Situation[] = POLLS.flatMap((call): Situation[] => [
  {
    call,
    situation: 'nothing is wanted',
    code: 'OK',
    says: 'the session and no tasks, at once',
    gives: { tasks: { tasks: [] } },
    request: () => ({ maxItems: '0', waitMs: HUGE }),
  },
  {
    call,
    situation: 'the largest numbers there are, and nothing to wait for',
    code: 'OK',
    says: 'the session, and as many tasks as fit into a message',
    request: () => ({ maxItems: HUGE, waitMs: '0' }),
  },
  {
    call,
    situation: 'the wait is over',
    code: 'OK',
    says: 'the session, and what there is',
    request: () => ({ maxItems: '1', waitMs: '1' }),
  },
]);

const NO_GROUP = 'there is no resource group of this id';

let groups = 0;
/** A group's name that no other row uses. */
const newName = (): string => `group ${(groups += 1)}`;

const group = async ({ world }: Scene, password = 'secret'): Promise<PlainMessage> => {
  const externalResourceGroupId = newName();
  await world.ok('AddResourceGroup', { externalResourceGroupId, password: Buffer.from(password) });
  return { externalResourceGroupId };
};

const groupId = async ({ world }: Scene): Promise<string> => {
  const { resourceGroupId } = await world.ok('AddResourceGroup', {
    externalResourceGroupId: newName(),
    password: Buffer.from('secret'),
  });
  return String(resourceGroupId);
};

const resourceGroups: readonly Situation[] = [
  {
    call: 'AddResourceGroup',
    situation: 'a new name',
    code: 'OK',
    says: 'the group',
    request: () => ({ externalResourceGroupId: newName(), password: Buffer.from('secret') }),
  },
  {
    call: 'AddResourceGroup',
    situation: 'a name that exists, with its password',
    code: 'OK',
    says: 'the same group',
    reference: 'ALREADY_EXISTS',
    request: async (scene) => ({ ...(await group(scene)), password: Buffer.from('secret') }),
  },
  {
    call: 'AddResourceGroup',
    situation: 'a name that exists, with another password',
    code: 'ALREADY_EXISTS',
    says: 'exists, with another password',
    request: async (scene) => ({ ...(await group(scene)), password: Buffer.from('Secret') }),
  },
  {
    call: 'AddResourceGroup',
    situation: 'no name and no password',
    code: 'OK',
    says: 'the group',
    request: () => ({}),
  },
  {
    call: 'VerifyResourceGroup',
    situation: 'the password of the group',
    code: 'OK',
    says: 'nothing',
    request: async (scene) => ({
      resourceGroupId: await groupId(scene),
      password: Buffer.from('secret'),
    }),
  },
  {
    call: 'VerifyResourceGroup',
    situation: 'another password',
    code: 'UNAUTHENTICATED',
    says: NO_GROUP,
    request: async (scene) => ({
      resourceGroupId: await groupId(scene),
      password: Buffer.from('Secret'),
    }),
  },
  {
    call: 'VerifyResourceGroup',
    situation: 'a group that does not exist',
    code: 'UNAUTHENTICATED',
    says: NO_GROUP,
    request: () => ({ resourceGroupId: UNKNOWN, password: Buffer.from('secret') }),
  },
];

const liveness: readonly Situation[] = [
  ...['0.0.0.0', '2001:db8::1'].map((ipAddress): Situation => ({
    call: 'RegisterExecutionManager',
    situation: `the address ${ipAddress}`,
    code: 'OK',
    says: 'the execution manager and the session',
    request: () => ({ ipAddress }),
  })),
  ...['', 'localhost', '256.0.0.1'].map((ipAddress): Situation => ({
    call: 'RegisterExecutionManager',
    situation: ipAddress === '' ? 'no address' : `the address ${ipAddress}`,
    code: 'INVALID_ARGUMENT',
    says: 'ip_address: ',
    request: () => ({ ipAddress }),
  })),
  {
    call: 'UpdateExecutionManagerHeartbeat',
    situation: 'it is alive',
    code: 'OK',
    says: 'the session',
    request: async ({ world }) => ({ executionManagerId: await world.registerManager() }),
  },
  {
    call: 'UpdateExecutionManagerHeartbeat',
    situation: 'it is lost',
    code: 'FAILED_PRECONDITION',
    says: 'is lost',
    request: ({ lostManagerId }) => ({ executionManagerId: lostManagerId }),
  },
  ...['0', UNKNOWN, HUGE].map((executionManagerId): Situation => ({
    call: 'UpdateExecutionManagerHeartbeat',
    situation: `number ${executionManagerId}, which was never issued`,
    code: 'INVALID_ARGUMENT',
    says: `${executionManagerId} was never issued`,
    request: () => ({ executionManagerId }),
  })),
];

const schedulers: readonly Situation[] = [
  {
    call: 'RegisterScheduler',
    situation: 'a host and a port',
    code: 'OK',
    says: 'the scheduler and the session',
    request: () => ({ host: 'scheduler', port: 50_052 }),
    after: async ({ world }) => {
      const { schedulers } = await world.ok('GetSchedulers', {});
      const [scheduler, ...others] = (schedulers as { schedulers: PlainMessage[] }).schedulers;
      if (
        others.length > 0 ||
        scheduler?.['host'] !== 'scheduler' ||
        scheduler['port'] !== 50_052
      ) {
        throw new Error(`the schedulers are ${JSON.stringify(schedulers)}`);
      }
    },
  },
  {
    call: 'RegisterScheduler',
    situation: 'port 0',
    code: 'OK',
    says: 'the scheduler and the session',
    request: () => ({ host: 'scheduler' }),
  },
  {
    call: 'RegisterScheduler',
    situation: 'no host',
    code: 'INVALID_ARGUMENT',
    says: 'host: is empty',
    request: () => ({ port: 50_052 }),
  },
  {
    call: 'RegisterScheduler',
    situation: 'port 65536',
    code: 'INVALID_ARGUMENT',
    says: 'port: 65536 is more than 65535',
    request: () => ({ host: 'scheduler', port: 65_536 }),
  },
  {
    call: 'GetSchedulers',
    situation: 'at any time',
    code: 'OK',
    says: 'the scheduler that registered last',
    reference: 'UNIMPLEMENTED',
    request: () => ({}),
  },
  {
    call: 'GetSession',
    situation: 'at any time',
    code: 'OK',
    says: 'the session',
    request: () => ({}),
  },
];

export const peers: readonly Situation[] = [
  ...polls,
  ...resourceGroups,
  ...liveness,
  ...schedulers,
];
