import { parseConfig } from '@spider/runtime/node';
import { expect, test } from 'vitest';
import { type ExecutionManagerConfig, executionManagerConfigSchema } from './config.ts';

const parse = (text: string): ExecutionManagerConfig =>
  parseConfig('em.yaml', text, executionManagerConfigSchema);

const MINIMAL = `
storage: { host: 127.0.0.1, port: 50051 }
task_executor: { package_dir: /packages }
`;

test('storage and the folder of task packages are enough', () => {
  expect(parse(MINIMAL)).toEqual({
    storageEndpoints: ['http://127.0.0.1:50051'],
    schedulerEndpoints: ['http://127.0.0.1:50051'],
    slots: undefined,
    liveness: { silenceMs: 2_000, attemptMs: 1_000 },
    labels: {},
    resourceGroupIds: [],
    drainTimeoutMs: 50_000,
    cancelGraceMs: 1_000,
    startTimeoutMs: 30_000,
    taskExecutor: {
      mode: 'process',
      binPath: undefined,
      packageDir: '/packages',
      inheritedEnv: [],
      maxLogLineBytes: 65_536,
      memoryLimitMib: undefined,
      spares: 1,
      recycleAfterTasks: undefined,
      recycleAboveMib: undefined,
      maxMessageBytes: 8 * 1024 * 1024,
      guardRail: { enabled: true, read: [], write: [], allow: [] },
      wall: { uid: undefined, gid: undefined, isBubblewrapped: false, hasNetwork: false },
    },
    logs: {
      directory: undefined,
      maxBytes: 1024 * 1024 * 1024,
      retentionMs: 7 * 24 * 3_600_000,
      maxTaskBytes: 1024 * 1024,
    },
  });
});

test('a configuration of the reference is taken as it is', () => {
  const config = parse(`
storage: { host: spider-storage, port: 50051 }
scheduler: { host: spider-scheduler, port: 50052 }
connection_pool_size: 4
scheduler_poll_wait_ms: 1000
liveness: { storage_heartbeat_interval_sec: 1, scheduler_heartbeat_interval_sec: 1 }
task_executor:
  bin_path: /usr/local/bin/spider-task-executor
  package_dir: /opt/spider/packages
  inherited_env: [MODEL_PATH]
  max_log_line_bytes: 1024
`);
  expect(config).toMatchObject({
    storageEndpoints: ['http://spider-storage:50051'],
    schedulerEndpoints: ['http://spider-scheduler:50052'],
    taskExecutor: {
      binPath: '/usr/local/bin/spider-task-executor',
      inheritedEnv: ['MODEL_PATH'],
      maxLogLineBytes: 1024,
    },
  });
});

test('storage and scheduler may be in several places', () => {
  const config = parse(`
storage_endpoints: [{ host: a, port: 1 }, { host: "::1", port: 2 }]
scheduler_endpoints: [{ host: c, port: 3 }]
slots: 7
labels: { gpu: "true" }
resource_groups: [2, 7]
task_executor: { package_dir: /packages }
`);
  expect(config).toMatchObject({
    storageEndpoints: ['http://a:1', 'http://[::1]:2'],
    schedulerEndpoints: ['http://c:3'],
    slots: 7,
    labels: { gpu: 'true' },
    resourceGroupIds: [2, 7],
  });
});

/** A file whose executors are threads unless more is said. */
const threads = (more: string): string =>
  `storage: { host: a, port: 1 }\ntask_executor: { mode: thread, package_dir: /p, ${more} }`;

test('executors may be threads where nothing is to hold them in', () => {
  const { taskExecutor } = parse(threads('guard_rail: { enabled: false }, recycle_after_tasks: 9'));
  expect(taskExecutor).toMatchObject({ mode: 'thread', recycleAfterTasks: 9 });
});

test.each([
  [
    'storage: { host: a, port: 1 }\ntask_executor: { package_dir: p, bin_path: b, max_message_mib: 9 }',
    'task_executor.max_message_mib is 9: only our own executor takes more than 8',
  ],
  ['task_executor: { package_dir: /p }', 'storage is missing: either this or storage_endpoints'],
  [`${MINIMAL}slots: 0`, 'slots is 0: '],
  [`${MINIMAL}labels: { gpu: true }`, 'labels.gpu is true: '],
  [`${MINIMAL}resource_groups: [0]`, 'resource_groups.0 is 0: '],
  [`${MINIMAL}slots: 5000`, 'slots is 5000: '],
  [
    `${MINIMAL}liveness: { storage_silence_ms: 500 }`,
    'liveness.storage_silence_ms is 500: must be at least attempt_timeout_ms',
  ],
  [`${MINIMAL}slots: "two"`, 'slots is "two": '],
  ['storage: { host: a, port: 1 }', 'task_executor is missing: '],
  [
    `storage: { host: a, port: 1 }\ntask_executor: { package_dir: /p, mode: fibre }`,
    'task_executor.mode is "fibre": ',
  ],
  [threads(''), 'task_executor.guard_rail.enabled is missing: must be false with mode thread'],
  [
    threads('guard_rail: { enabled: false }, bin_path: /bin/executor'),
    'task_executor.bin_path is "/bin/executor": must not be given with mode thread',
  ],
  ...['uid: 65534', 'gid: 65534', 'bubblewrap: true'].map((wall) => [
    threads(`guard_rail: { enabled: false }, wall: { ${wall} }`),
    'task_executor.wall is a map: is not possible with mode thread',
  ]),
  [
    `${MINIMAL}scheduler: { host: a, port: 1 }\nscheduler_endpoints: [{ host: b, port: 1 }]`,
    'this and scheduler_endpoints exclude each other',
  ],
])('%j is refused with key and rule', (text, message) => {
  expect(() => parse(text)).toThrow(message);
});
