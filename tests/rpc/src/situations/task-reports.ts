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
import { STOPS_STORAGE, UNKNOWN } from './situation.ts';
import type { Scene, Situation } from './situation.ts';
import { BOTH, CALLS, request } from './task-requests.ts';

const REPORTS = ['ReportTaskSuccess', 'ReportTaskFailure'] as const;

const TWO_RETRIES: GraphShape = {
  tasks: [{ inputs: 1, outputs: 1, policy: { max_num_retry: 2, max_num_instances: 1 } }],
};

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

/** An execution manager says how an instance ended. */
export const taskReports: readonly Situation[] = [
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
