import { CLEANUP, COMMIT, FORTY_TWO, frame, index, TWO_IN_A_ROW } from '../reference-world.ts';
import { UNKNOWN } from './situation.ts';
import type { Situation } from './situation.ts';
import { request } from './task-requests.ts';

/** An execution manager asks for an instance of a task. */
export const taskLeases: readonly Situation[] = [
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
