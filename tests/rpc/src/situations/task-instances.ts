import { CLEANUP, COMMIT, index, TWO_IN_A_ROW } from '../reference-world.ts';
import type { PlainMessage } from '../schema.ts';
import { ENDED, STOPS_STORAGE, UNKNOWN } from './situation.ts';
import type { Scene, Situation } from './situation.ts';
import { taskLeases } from './task-leases.ts';
import { taskReports } from './task-reports.ts';
import { BOTH, CALLS, request } from './task-requests.ts';
import type { Call } from './task-requests.ts';

const ALL_CALLS = Object.keys(CALLS) as Call[];

const sessions: readonly Situation[] = ALL_CALLS.flatMap((call): Situation[] => [
  {
    call,
    situation: 'the session before the current one',
    code: 'NOT_FOUND',
    says: 'is not the current one, which is',
    request: async (scene) => ({
      ...(await request(scene, call, await scene.world.startJob(), index(0))),
      sessionId: scene.formerSessionId,
    }),
  },
  {
    call,
    situation: 'a session that has not begun',
    code: 'NOT_FOUND',
    says: 'is not the current one, which is',
    request: async (scene) => ({
      ...(await request(scene, call, await scene.world.startJob(), index(0))),
      sessionId: String(BigInt(scene.world.sessionId) + 1n),
    }),
  },
  {
    call,
    situation: 'no task',
    code: 'INVALID_ARGUMENT',
    says: 'task_id: is missing',
    request: async (scene) => {
      const { taskId, ...rest } = await request(scene, call, UNKNOWN, index(0));
      return taskId === undefined ? {} : rest;
    },
  },
  {
    call,
    situation: 'a task of no kind',
    code: 'INVALID_ARGUMENT',
    says: 'task_id: is missing',
    request: (scene) => request(scene, call, UNKNOWN, {}),
  },
]);

/** Phases of jobs in which a task cannot run. */
const PHASES: readonly (readonly [
  situation: string,
  task: PlainMessage,
  job: (scene: Scene) => Promise<string>,
  reference?: string,
])[] = [
  ['the job does not exist', index(0), async () => UNKNOWN],
  ...ENDED.map(
    (state) => [`the job is ${state}`, index(0), ({ world }: Scene) => world.jobIn(state)] as const,
  ),
  ...ENDED.map(
    (state) =>
      [
        `the job is ${state}, and has left memory`,
        index(0),
        async ({ left }: Scene) => left[state],
      ] as const,
  ),
  ['the job is READY', index(0), ({ world }) => world.registerJob(), STOPS_STORAGE],
  ['the job has no such task', index(1), ({ world }) => world.startJob(), STOPS_STORAGE],
  [
    'the index is one that no job can have',
    index('18446744073709551615'),
    ({ world }) => world.startJob(),
    STOPS_STORAGE,
  ],
  [
    'a parent of the task runs',
    index(1),
    ({ world }) => world.startJob(TWO_IN_A_ROW),
    STOPS_STORAGE,
  ],
  ['the commit task of a READY job', COMMIT, ({ world }) => world.registerJob(BOTH), STOPS_STORAGE],
  ['the commit task of a RUNNING job', COMMIT, ({ world }) => world.startJob(BOTH), STOPS_STORAGE],
  ['the commit task of a job without one', COMMIT, ({ world }) => world.startJob(), STOPS_STORAGE],
  [
    'the commit task of a CLEANUP_READY job',
    COMMIT,
    async ({ world }) => {
      const jobId = await world.startJob(BOTH);
      await world.ok('CancelJob', { jobId });
      return jobId;
    },
  ],
  [
    'the cleanup task of a READY job',
    CLEANUP,
    ({ world }) => world.registerJob(BOTH),
    STOPS_STORAGE,
  ],
  [
    'the cleanup task of a RUNNING job',
    CLEANUP,
    ({ world }) => world.startJob(BOTH),
    STOPS_STORAGE,
  ],
  [
    'the cleanup task of a COMMIT_READY job',
    CLEANUP,
    ({ world }) => world.jobIn('COMMIT_READY'),
    STOPS_STORAGE,
  ],
  ['a task of a COMMIT_READY job', index(0), ({ world }) => world.jobIn('COMMIT_READY')],
  ['a task of a CLEANUP_READY job', index(0), ({ world }) => world.jobIn('CLEANUP_READY')],
];

const phases: readonly Situation[] = ALL_CALLS.flatMap((call) =>
  PHASES.map(([situation, task, job, reference]): Situation => ({
    call,
    situation,
    code: 'FAILED_PRECONDITION',
    says: 'cache stale: ',
    ...(reference !== undefined && { reference }),
    request: async (scene) => request(scene, call, await job(scene), task),
  })),
);

export const taskInstances: readonly Situation[] = [
  ...sessions,
  ...taskLeases,
  ...phases,
  ...taskReports,
];
