import { LIMITS, PACKAGE_PERMISSIONS } from '@spider/core';
import { z } from 'zod';
import type { GuardRailConfig } from './launch/guard-rail.ts';
import type { WallConfig } from './launch/wall.ts';

/** What executors are: processes of their own, or worker threads of the execution manager. */
export type ExecutorMode = (typeof MODES)[number];

const MODES = ['process', 'thread'] as const;

/** What an execution manager is told of its executors. */
export interface TaskExecutorConfig {
  readonly mode: ExecutorMode;
  /** The executor's program; undefined: our own. */
  readonly binPath: string | undefined;
  /** The folder of task packages. */
  readonly packageDir: string;
  /** Environment variables that executors see beside the basic ones. */
  readonly inheritedEnv: readonly string[];
  /** Longer lines of an executor's stderr are cut. */
  readonly maxLogLineBytes: number;
  /** Memory of one executor, in MiB; undefined: a share of the machine's. */
  readonly memoryLimitMib: number | undefined;
  /** Executors that wait for the end of another one. */
  readonly spares: number;
  /** Tasks after which an executor is replaced; undefined: any number. */
  readonly recycleAfterTasks: number | undefined;
  /** Memory from which on an executor is replaced when it is idle, in MiB; undefined: no matter. */
  readonly recycleAboveMib: number | undefined;
  /** What one message to or from an executor may have. */
  readonly maxMessageBytes: number;
  readonly guardRail: GuardRailConfig;
  readonly wall: WallConfig;
}

const MIB = 1024 * 1024;
/** What executors of the reference take. */
const DEFAULT_MESSAGE_MIB = LIMITS.executorFrameBytes / MIB;
const MAX_LOG_LINE_BYTES = 16 * 1024 * 1024;
/** Node itself takes about half of this. */
const MEMORY_MIB_MIN = 128;
const MEMORY_MIB_MAX = 16 * 1024 * 1024;
const ID_MAX = 0xffff_fffe;

const count = z.int().min(1);
const path = z
  .string()
  .refine((value) => value.startsWith('/'), { message: 'must be an absolute path' });
const paths = z.array(path).max(1_024);
const userNumber = z.int().min(0).max(ID_MAX);

const guardRailSchema = z.object({
  enabled: z.boolean().default(true),
  read: paths.default([]),
  write: paths.default([]),
  allow: z.array(z.enum(PACKAGE_PERMISSIONS)).default([]),
});

const wallSchema = z.object({
  uid: userNumber.optional(),
  gid: userNumber.optional(),
  bubblewrap: z.boolean().default(false),
  network: z.boolean().default(false),
});

const fields = z.object({
  mode: z.enum(MODES).default('process'),
  bin_path: z.string().min(1).optional(),
  package_dir: z.string().min(1),
  inherited_env: z.array(z.string().min(1)).max(1_024).default([]),
  max_log_line_bytes: count.max(MAX_LOG_LINE_BYTES).default(64 * 1024),
  start_timeout_sec: z.int().min(1).max(86_400).default(30),
  memory_limit_mib: z.int().min(MEMORY_MIB_MIN).max(MEMORY_MIB_MAX).optional(),
  spares: z.int().min(0).max(64).default(1),
  recycle_after_tasks: count.optional(),
  recycle_above_mib: z.int().min(MEMORY_MIB_MIN).max(MEMORY_MIB_MAX).optional(),
  max_message_mib: count.max(LIMITS.taskPayloadBytes / MIB).default(DEFAULT_MESSAGE_MIB),
  guard_rail: guardRailSchema.prefault({}),
  wall: wallSchema.prefault({}),
});

export const taskExecutorFileSchema = fields
  .refine((file) => file.bin_path === undefined || file.max_message_mib <= DEFAULT_MESSAGE_MIB, {
    path: ['max_message_mib'],
    message: `only our own executor takes more than ${DEFAULT_MESSAGE_MIB}: bin_path must not be given`,
  })
  .superRefine((file, context) => {
    if (file.mode !== 'thread') return;
    for (const [path, message] of againstThreads(file)) {
      context.addIssue({ code: 'custom', path, message, input: undefined });
    }
  });

type Refusal = readonly [path: string[], message: string];
type Wanted = Pick<z.output<typeof fields>, 'bin_path' | 'guard_rail' | 'wall'>;

/** What nothing in a thread of the execution manager can be held to. */
function againstThreads({ bin_path: binPath, guard_rail: rail, wall }: Wanted): Refusal[] {
  const refusals: Refusal[] = [];
  if (binPath !== undefined) {
    refusals.push([['bin_path'], 'must not be given with mode thread: a thread runs no program']);
  }
  if (rail.enabled) {
    const why = 'must be false with mode thread: Node cannot hold a thread to permissions';
    refusals.push([['guard_rail', 'enabled'], why]);
  }
  const isWalled = wall.uid !== undefined || wall.gid !== undefined || wall.bubblewrap;
  if (isWalled) {
    const why =
      'is not possible with mode thread: a thread has the user and the files of its process';
    refusals.push([['wall'], why]);
  }
  return refusals;
}

/** The configuration of the keys of {@link taskExecutorFileSchema}. */
export function toTaskExecutorConfig(
  file: z.output<typeof taskExecutorFileSchema>,
): TaskExecutorConfig {
  const { uid, gid, bubblewrap, network } = file.wall;
  return {
    mode: file.mode,
    binPath: file.bin_path,
    packageDir: file.package_dir,
    inheritedEnv: file.inherited_env,
    maxLogLineBytes: file.max_log_line_bytes,
    memoryLimitMib: file.memory_limit_mib,
    spares: file.spares,
    recycleAfterTasks: file.recycle_after_tasks,
    recycleAboveMib: file.recycle_above_mib,
    maxMessageBytes: file.max_message_mib * MIB,
    guardRail: file.guard_rail,
    wall: { uid, gid, isBubblewrapped: bubblewrap, hasNetwork: network },
  };
}
