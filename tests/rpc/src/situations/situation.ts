import type { CodeName } from '../grpc-client.ts';
import type { ReferenceWorld, StateName } from '../reference-world.ts';
import type { PlainMessage } from '../schema.ts';

/** What there is before any situation arises. */
export interface Scene {
  readonly world: ReferenceWorld;
  /** Jobs that ended before storage was started for the last time: they are not in memory. */
  readonly left: Readonly<Record<'SUCCEEDED' | 'FAILED' | 'CANCELLED', string>>;
  /** The session before that start. */
  readonly formerSessionId: string;
  /** An execution manager whose heart has stopped. */
  readonly lostManagerId: string;
}

/** One row of the table: a call, in which situation, and what it is answered. */
export interface Situation {
  readonly call: string;
  readonly situation: string;
  readonly code: CodeName;
  /** Of a refusal, some of its words; of an answer, what people should read in the table. */
  readonly says: string;
  /** Of an answer, what it must have, among others. */
  readonly gives?: PlainMessage;
  /** What the reference does where that is something else. */
  readonly reference?: string;
  readonly request: (scene: Scene) => PlainMessage | Promise<PlainMessage>;
  /** What has to hold afterwards. */
  readonly after?: (scene: Scene, request: PlainMessage) => Promise<void>;
}

/** A number that no job, task instance, execution manager or group has. */
export const UNKNOWN = '404';

export const STOPS_STORAGE = 'INTERNAL, and storage stops';

export const ENDED = ['SUCCEEDED', 'FAILED', 'CANCELLED'] as const;

export const ALL_STATES: readonly StateName[] = [
  'READY',
  'RUNNING',
  'COMMIT_READY',
  'CLEANUP_READY',
  ...ENDED,
];
