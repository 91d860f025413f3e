import { graphJson, frame, ONE_TASK, STATES, TWO_IN_A_ROW, zstd } from '../reference-world.ts';
import type { GraphShape, StateName } from '../reference-world.ts';
import { ALL_STATES, ENDED, STOPS_STORAGE, UNKNOWN } from './situation.ts';
import type { Scene, Situation } from './situation.ts';

/** More than storage decompresses. */
const BOMB_BYTES = 33 * 1024 * 1024;

const unknownJob = (call: string): Situation => ({
  call,
  situation: 'the job does not exist',
  code: 'NOT_FOUND',
  says: `job ${UNKNOWN} does not exist`,
  request: () => ({ jobId: UNKNOWN }),
});

const inState =
  (state: StateName) =>
  async ({ world }: Scene) => ({ jobId: await world.jobIn(state) });

const badJob = (
  situation: string,
  field: 'task_graph' | 'inputs',
  says: string,
  bytes: () => Uint8Array,
): Situation => ({
  call: 'RegisterJob',
  situation,
  code: 'INVALID_ARGUMENT',
  says,
  request: ({ world }) => ({
    ...world.jobRequest(ONE_TASK),
    ...(field === 'inputs'
      ? { compressedSerializedInputs: bytes() }
      : { compressedSerializedTaskGraph: bytes() }),
  }),
});

const noGroup = (group: string): Situation => ({
  call: 'RegisterJob',
  situation: `resource group ${group}, which does not exist`,
  code: 'UNAUTHENTICATED',
  says: `resource group ${group} does not exist`,
  request: ({ world }) => ({ ...world.jobRequest(ONE_TASK), resourceGroupId: group }),
});

const registerJob: readonly Situation[] = [
  {
    call: 'RegisterJob',
    situation: 'a sound graph with its inputs',
    code: 'OK',
    says: 'the job, which is READY',
    request: ({ world }) => world.jobRequest({ ...TWO_IN_A_ROW, commit: true, cleanup: true }),
  },
  noGroup(UNKNOWN),
  noGroup('0'),
  badJob('a graph that is not zstd', 'task_graph', 'task_graph: zstd: ', () => Buffer.from('{}')),
  badJob('a graph that is not JSON', 'task_graph', 'task_graph: task graph JSON: ', () =>
    zstd('{'),
  ),
  badJob('a graph of another schema', 'task_graph', 'schema version', () =>
    zstd(graphJson(ONE_TASK).replace('0.1.0', '9.0.0')),
  ),
  badJob('a graph in which a task takes from a later one', 'task_graph', 'task 0', () =>
    zstd(graphJson({ tasks: [{ inputs: 1, outputs: 1, sources: [[1, 0]] }, ...ONE_TASK.tasks] })),
  ),
  badJob('a graph without tasks', 'task_graph', 'has no tasks', () =>
    zstd(graphJson({ tasks: [] })),
  ),
  badJob('a graph that decompresses to more than 32 MiB', 'task_graph', 'decompresses to', () =>
    zstd(Buffer.alloc(BOMB_BYTES, ' ')),
  ),
  badJob('inputs that are not zstd', 'inputs', 'inputs: zstd: ', () => frame(Buffer.of(42))),
  badJob('inputs that are no wire frame', 'inputs', 'wire frame', () => zstd('xyz')),
  badJob('inputs that promise 4,294,967,295 payloads', 'inputs', 'wire frame', () =>
    zstd(Buffer.alloc(4, 0xff)),
  ),
  badJob('too few inputs', 'inputs', 'has 0 payloads, but the graph takes 1', () => zstd(frame())),
  badJob('too many inputs', 'inputs', 'has 2 payloads, but the graph takes 1', () =>
    zstd(frame(Buffer.of(1), Buffer.of(2))),
  ),
  badJob('inputs that decompress to more than 32 MiB', 'inputs', 'decompresses to', () =>
    zstd(Buffer.alloc(BOMB_BYTES)),
  ),
];

const startJob: readonly Situation[] = [
  unknownJob('StartJob'),
  {
    call: 'StartJob',
    situation: 'the job is READY',
    code: 'OK',
    says: 'RUNNING',
    gives: { state: STATES.RUNNING },
    request: inState('READY'),
  },
  ...ALL_STATES.filter((state) => state !== 'READY').map((state): Situation => ({
    call: 'StartJob',
    situation: `the job is ${state}`,
    code: 'FAILED_PRECONDITION',
    says: `is ${state}; only a READY job can be started`,
    reference: 'INTERNAL',
    request: inState(state),
  })),
  ...ENDED.map((state): Situation => ({
    call: 'StartJob',
    situation: `the job is ${state}, and has left memory`,
    code: 'NOT_FOUND',
    says: 'has ended',
    request: ({ left }) => ({ jobId: left[state] }),
  })),
];

const cancelled = (
  situation: string,
  state: StateName,
  job: (scene: Scene) => Promise<string>,
  reference?: string,
): Situation => ({
  call: 'CancelJob',
  situation,
  code: 'OK',
  says: state,
  gives: { state: STATES[state] },
  ...(reference !== undefined && { reference }),
  request: async (scene) => ({ jobId: await job(scene) }),
  after: async ({ world }, { jobId }) => {
    const now = await world.state(String(jobId));
    if (now !== STATES[state]) throw new Error(`the job is in state ${now}`);
  },
});

const committing = async ({ world }: Scene, graph: GraphShape): Promise<string> => {
  const jobId = await world.startJob({ ...graph, commit: true });
  await world.succeed(await world.lease(jobId, { index: '0' }));
  return jobId;
};

const cancelJob: readonly Situation[] = [
  unknownJob('CancelJob'),
  cancelled('the job is READY', 'CANCELLED', ({ world }) => world.registerJob()),
  cancelled(
    'the job is READY and has a cleanup task: nothing ran, so there is nothing to clean up',
    'CANCELLED',
    ({ world }) => world.registerJob({ ...ONE_TASK, cleanup: true }),
    STOPS_STORAGE,
  ),
  cancelled('the job is RUNNING', 'CANCELLED', ({ world }) => world.startJob()),
  cancelled('the job is RUNNING and has a cleanup task', 'CLEANUP_READY', ({ world }) =>
    world.startJob({ ...ONE_TASK, cleanup: true }),
  ),
  cancelled(
    'the job is COMMIT_READY',
    'CANCELLED',
    (scene) => committing(scene, ONE_TASK),
    STOPS_STORAGE,
  ),
  cancelled('the job is COMMIT_READY and has a cleanup task', 'CLEANUP_READY', (scene) =>
    committing(scene, { ...ONE_TASK, cleanup: true }),
  ),
  ...(['CLEANUP_READY', ...ENDED] as const).map((state): Situation => ({
    call: 'CancelJob',
    situation: `the job is ${state}`,
    code: 'FAILED_PRECONDITION',
    says: `is ${state}; only a READY, RUNNING or COMMIT_READY job can be cancelled`,
    reference: 'INTERNAL',
    request: inState(state),
  })),
  ...ENDED.map((state) =>
    cancelled(`the job is ${state}, and has left memory`, state, async ({ left }) => left[state]),
  ),
];

const getJobState: readonly Situation[] = [
  unknownJob('GetJobState'),
  ...ALL_STATES.map((state): Situation => ({
    call: 'GetJobState',
    situation: `the job is ${state}`,
    code: 'OK',
    says: state,
    gives: { state: STATES[state] },
    request: inState(state),
  })),
  ...ENDED.map((state): Situation => ({
    call: 'GetJobState',
    situation: `the job is ${state}, and has left memory`,
    code: 'OK',
    says: state,
    gives: { state: STATES[state] },
    request: ({ left }) => ({ jobId: left[state] }),
  })),
];

/** A call that answers in one state alone, in memory or not. */
const answersOnly = (
  call: string,
  only: 'SUCCEEDED' | 'FAILED',
  answer: Pick<Situation, 'says' | 'gives'>,
  refusal: Pick<Situation, 'says'> & { readonly inMemory?: string },
): readonly Situation[] => [
  unknownJob(call),
  ...ALL_STATES.map((state): Situation => ({
    call,
    situation: `the job is ${state}`,
    request: inState(state),
    ...(state === only
      ? { code: 'OK', ...answer }
      : {
          code: 'FAILED_PRECONDITION',
          says: `is ${state}; ${refusal.says}`,
          ...(refusal.inMemory !== undefined && { reference: refusal.inMemory }),
        }),
  })),
  ...ENDED.map((state): Situation => ({
    call,
    situation: `the job is ${state}, and has left memory`,
    request: ({ left }) => ({ jobId: left[state] }),
    ...(state === only
      ? { code: 'OK', ...answer }
      : { code: 'FAILED_PRECONDITION', says: `is ${state}; ${refusal.says}` }),
  })),
];

export const jobOrchestration: readonly Situation[] = [
  ...registerJob,
  ...startJob,
  ...cancelJob,
  ...getJobState,
  ...answersOnly(
    'GetJobOutputs',
    'SUCCEEDED',
    {
      says: 'its outputs',
      gives: { serializedOutputs: Buffer.concat([Buffer.of(0), frame(Buffer.of(42))]) },
    },
    { says: 'it has outputs once it is SUCCEEDED', inMemory: STOPS_STORAGE },
  ),
  ...answersOnly(
    'GetJobError',
    'FAILED',
    { says: 'why it failed', gives: { errorMessage: 'it broke' } },
    { says: 'it has an error once it is FAILED' },
  ),
];
