import {
  CLEANUP,
  COMMIT,
  FORTY_TWO,
  frame,
  index,
  ONE_TASK,
  STATES,
  TWO_IN_A_ROW,
} from '../reference-world.ts';
import type { GraphShape } from '../reference-world.ts';
import type { PlainMessage } from '../schema.ts';
import { ENDED, STOPS_STORAGE, UNKNOWN } from './situation.ts';
import type { Scene, Situation } from './situation.ts';

const BOTH: GraphShape = { ...ONE_TASK, commit: true, cleanup: true };
const TWO_RETRIES: GraphShape = {
  tasks: [{ inputs: 1, outputs: 1, policy: { max_num_retry: 2, max_num_instances: 1 } }],
};

/** The three calls, and what each has beside the names of the task. */
const CALLS = {
  RegisterTaskInstance: {},
  ReportTaskSuccess: { taskInstanceId: '1', serializedOutputs: FORTY_TWO },
  ReportTaskFailure: { taskInstanceId: '1', errorMessage: 'it broke' },
} as const;
type Call = keyof typeof CALLS;
const ALL_CALLS = Object.keys(CALLS) as Call[];
const REPORTS = ['ReportTaskSuccess', 'ReportTaskFailure'] as const;

/** A request that names a task of a job; reports are of an instance that does not exist. */
const request = async (
  { world }: Scene,
  call: Call,
  jobId: string,
  taskId: PlainMessage,
): Promise<PlainMessage> => ({ ...(await world.leaseRequest(jobId, taskId)), ...CALLS[call] });

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

const leases: readonly Situation[] = [
  {
    call: 'RegisterTaskInstance',
    situation: 'a task that is ready',
    code: 'OK',
    says: 'what to run, and its inputs',
    gives: {
      executionContext: {
        tdlContext: { package: 'p', taskFunc: 'f' },
        timeoutPolicy: { softTimeoutMs: '150000', hardTimeoutMs: '300000' },
        serializedTaskIo: FORTY_TWO,
      },
    },
    request: async (scene) =>
      request(scene, 'RegisterTaskInstance', await scene.world.startJob(), index(0)),
  },
  {
    call: 'RegisterTaskInstance',
    situation: 'the commit task of a COMMIT_READY job',
    code: 'OK',
    says: "what to run, and the job's outputs",
    gives: {
      executionContext: {
        tdlContext: { package: 'p', taskFunc: 'commit' },
        serializedTaskIo: Buffer.concat([Buffer.of(0), FORTY_TWO]),
      },
    },
    request: async (scene) =>
      request(scene, 'RegisterTaskInstance', await scene.world.jobIn('COMMIT_READY'), COMMIT),
  },
  {
    call: 'RegisterTaskInstance',
    situation: 'the cleanup task of a CLEANUP_READY job',
    code: 'OK',
    says: 'what to run, and the empty frame',
    gives: {
      executionContext: {
        tdlContext: { package: 'p', taskFunc: 'cleanup' },
        serializedTaskIo: frame(),
      },
    },
    reference: 'no bytes at all, on which its cleanup tasks fail',
    request: async (scene) =>
      request(scene, 'RegisterTaskInstance', await scene.world.jobIn('CLEANUP_READY'), CLEANUP),
  },
  {
    call: 'RegisterTaskInstance',
    situation: 'as many instances of the task run as may',
    code: 'FAILED_PRECONDITION',
    says: 'cache stale: ',
    request: async (scene) => {
      const { jobId } = await scene.world.lease(await scene.world.startJob(), index(0));
      return request(scene, 'RegisterTaskInstance', jobId, index(0));
    },
  },
  {
    call: 'RegisterTaskInstance',
    situation: 'the task has succeeded, and the job still runs',
    code: 'FAILED_PRECONDITION',
    says: 'cache stale: ',
    request: async (scene) => {
      const jobId = await scene.world.startJob(TWO_IN_A_ROW);
      await scene.world.succeed(await scene.world.lease(jobId, index(0)));
      return request(scene, 'RegisterTaskInstance', jobId, index(0));
    },
  },
  {
    call: 'RegisterTaskInstance',
    situation: 'an execution manager that never was',
    code: 'FAILED_PRECONDITION',
    says: `cache stale: execution manager ${UNKNOWN} is not alive`,
    reference: 'OK, and storage stops',
    request: async (scene) => ({
      ...(await request(scene, 'RegisterTaskInstance', await scene.world.startJob(), index(0))),
      executionManagerId: UNKNOWN,
    }),
  },
  {
    call: 'RegisterTaskInstance',
    situation: 'an execution manager that is lost',
    code: 'FAILED_PRECONDITION',
    says: 'is not alive',
    reference: 'OK, and the task is given to another one as well',
    request: async (scene) => ({
      ...(await request(scene, 'RegisterTaskInstance', await scene.world.startJob(), index(0))),
      executionManagerId: scene.lostManagerId,
    }),
  },
];

const expectState =
  (state: keyof typeof STATES) =>
  async ({ world }: Scene, sent: PlainMessage) => {
    const now = await world.state(String(sent['jobId']));
    if (now !== STATES[state]) throw new Error(`the job is in state ${now}, not ${state}`);
  };

/** A report of an instance that runs, of a job of this shape. */
const report =
  (call: (typeof REPORTS)[number], graph: GraphShape, more: PlainMessage = {}) =>
  async ({ world }: Scene): Promise<PlainMessage> => ({
    ...CALLS[call],
    ...(await world.lease(await world.startJob(graph), index(0))),
    ...more,
  });

const termination = (
  call: (typeof REPORTS)[number],
  phase: 'COMMIT_READY' | 'CLEANUP_READY',
  end: keyof typeof STATES,
): Situation => ({
  call,
  situation: `the ${phase === 'COMMIT_READY' ? 'commit' : 'cleanup'} task runs`,
  code: 'OK',
  says: `the job is ${end}`,
  request: async ({ world }) => ({
    ...CALLS[call],
    ...(await world.lease(await world.jobIn(phase), phase === 'COMMIT_READY' ? COMMIT : CLEANUP)),
  }),
  after: expectState(end),
});

const stale = (
  situation: string,
  change: (scene: Scene, sent: PlainMessage) => PlainMessage | Promise<PlainMessage>,
  reference?: string,
): Situation[] =>
  REPORTS.map((call) => ({
    call,
    situation,
    code: 'FAILED_PRECONDITION',
    says: 'cache stale: ',
    ...(reference !== undefined && { reference }),
    request: async (scene) => change(scene, await report(call, TWO_RETRIES)(scene)),
  }));

const afterward = (
  situation: string,
  happen: (scene: Scene, sent: PlainMessage) => Promise<unknown>,
  reference?: string,
): Situation[] =>
  stale(
    situation,
    async (scene, sent) => {
      await happen(scene, sent);
      return sent;
    },
    reference,
  );

const wrongOutputs = (
  situation: string,
  says: string,
  serializedOutputs: Buffer,
  reference?: string,
): Situation => ({
  call: 'ReportTaskSuccess',
  situation,
  code: 'INVALID_ARGUMENT',
  says,
  ...(reference !== undefined && { reference }),
  request: report('ReportTaskSuccess', ONE_TASK, { serializedOutputs }),
  // The attempt counts as failed.
  after: expectState('FAILED'),
});

const reports: readonly Situation[] = [
  {
    call: 'ReportTaskSuccess',
    situation: 'the instance runs, and is the last task of its job',
    code: 'OK',
    says: 'the job is SUCCEEDED',
    request: report('ReportTaskSuccess', ONE_TASK),
    after: expectState('SUCCEEDED'),
  },
  {
    call: 'ReportTaskSuccess',
    situation: 'the instance runs, and other tasks remain',
    code: 'OK',
    says: 'the job is RUNNING',
    request: report('ReportTaskSuccess', TWO_IN_A_ROW),
    after: expectState('RUNNING'),
  },
  {
    call: 'ReportTaskSuccess',
    situation: 'the instance runs, and a commit task remains',
    code: 'OK',
    says: 'the job is COMMIT_READY',
    request: report('ReportTaskSuccess', BOTH),
    after: expectState('COMMIT_READY'),
  },
  {
    call: 'ReportTaskFailure',
    situation: 'the instance runs, and no retry is left',
    code: 'OK',
    says: 'the job is FAILED',
    request: report('ReportTaskFailure', ONE_TASK),
    after: expectState('FAILED'),
  },
  {
    call: 'ReportTaskFailure',
    situation: 'the instance runs, and a retry is left',
    code: 'OK',
    says: 'the job is RUNNING',
    request: report('ReportTaskFailure', TWO_RETRIES),
    after: expectState('RUNNING'),
  },
  termination('ReportTaskSuccess', 'COMMIT_READY', 'SUCCEEDED'),
  termination('ReportTaskFailure', 'COMMIT_READY', 'FAILED'),
  termination('ReportTaskSuccess', 'CLEANUP_READY', 'CANCELLED'),
  termination('ReportTaskFailure', 'CLEANUP_READY', 'FAILED'),
  wrongOutputs('outputs that are no wire frame', 'serialized_outputs: a wire frame', Buffer.of(1)),
  wrongOutputs(
    'outputs that promise 4,294,967,295 payloads',
    'serialized_outputs: a wire frame',
    Buffer.alloc(4, 0xff),
  ),
  wrongOutputs('too few outputs', '0 outputs are not what', frame(), STOPS_STORAGE),
  wrongOutputs(
    'too many outputs',
    '2 outputs are not what',
    frame(Buffer.of(1), Buffer.of(2)),
    STOPS_STORAGE,
  ),
  {
    call: 'ReportTaskSuccess',
    situation: 'outputs that are no wire frame, of a job that does not exist',
    code: 'INVALID_ARGUMENT',
    says: 'serialized_outputs: a wire frame',
    request: async (scene) => ({
      ...(await request(scene, 'ReportTaskSuccess', UNKNOWN, index(0))),
      serializedOutputs: Buffer.of(1),
    }),
  },
  ...stale('an instance that never was', (_, sent) => ({ ...sent, taskInstanceId: UNKNOWN })),
  ...stale('an instance of another task', (_, sent) => ({ ...sent, taskId: index(1) })),
  ...stale(
    'another execution manager than the one that runs the instance',
    async ({ world }, sent) => ({ ...sent, executionManagerId: await world.registerManager() }),
    'OK: it does not look',
  ),
  ...afterward('its success has been reported', ({ world }, sent) =>
    world.ok('ReportTaskSuccess', { ...sent, serializedOutputs: FORTY_TWO }),
  ),
  ...afterward('its failure has been reported', ({ world }, sent) =>
    world.ok('ReportTaskFailure', { ...sent, errorMessage: 'it broke' }),
  ),
  ...afterward('the job has been cancelled meanwhile', ({ world }, { jobId }) =>
    world.ok('CancelJob', { jobId }),
  ),
];

export const taskInstances: readonly Situation[] = [...sessions, ...leases, ...phases, ...reports];
