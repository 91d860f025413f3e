import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mariadbMissing, startPrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GrpcClient } from './grpc-client.ts';
import type { Answer } from './grpc-client.ts';
import { FORTY_TWO, index, ONE_TASK, ReferenceWorld, STATES } from './reference-world.ts';
import { Schema } from './schema.ts';
import type { PlainMessage } from './schema.ts';
import { startStorage } from './storage-process.ts';

const schema = new Schema(['storage/storage.proto']);
const UNKNOWN = '404';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spider-broken-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Changes the database behind storage's back. */
function tamper(...statements: readonly string[]): void {
  const database = new DatabaseSync(join(directory, 'storage.sqlite'));
  try {
    for (const statement of statements) database.exec(statement);
  } finally {
    database.close();
  }
}

async function ended(directoryOfStorage: string) {
  await using cluster = await startStorage(directoryOfStorage);
  using client = new GrpcClient(cluster.storageUrl, schema);
  const world = await ReferenceWorld.enter(client);
  return { succeeded: await world.jobIn('SUCCEEDED'), failed: await world.jobIn('FAILED') };
}

test('rows that lack what they should have are errors, and storage goes on', async () => {
  const { succeeded, failed } = await ended(directory);
  tamper(
    `delete from job_blobs where job_id = ${succeeded} and kind = 3`,
    `update jobs set error_message = null where id = ${failed}`,
  );
  await using cluster = await startStorage(directory);
  using client = new GrpcClient(cluster.storageUrl, schema);
  const world = await ReferenceWorld.enter(client);
  expect(await world.call('GetJobOutputs', { jobId: succeeded })).toMatchObject({
    code: 'INTERNAL',
    text: `job ${succeeded} lacks its outputs`,
  });
  expect(await world.call('GetJobError', { jobId: failed })).toMatchObject({
    code: 'INTERNAL',
    text: `job ${failed} lacks its error`,
  });
  // Nobody but a person can have made this one.
  tamper(`update jobs set state = ${STATES.RUNNING} where id = ${failed}`);
  expect(await world.call('CancelJob', { jobId: failed })).toMatchObject({
    code: 'FAILED_PRECONDITION',
    text: `job ${failed} is RUNNING and not in memory; it cannot be cancelled`,
  });
  expect(await world.state(await world.jobIn('SUCCEEDED'))).toBe(STATES.SUCCEEDED);
});

/** What becomes of a call within the time that reads are repeated. */
type Outcome = Promise<Answer>;

test.skipIf(mariadbMissing() !== undefined)(
  'while the database is away what needs none is answered, reads are unavailable, and changes wait',
  async () => {
    await using database = await startPrivateMariadb();
    const connection = await createConnection({ socketPath: database.socketPath, user: 'root' });
    await connection.query('create database spider');
    await connection.end();
    await using cluster = await startStorage(directory, {
      runtime: {
        db: {
          engine: 'mysql',
          socket_path: database.socketPath,
          name: 'spider',
          credentials: { username: 'root', password: '' },
        },
      },
    });
    using client = new GrpcClient(cluster.storageUrl, schema);
    const world = await ReferenceWorld.enter(client);
    const ready = await world.registerJob();
    const [running, cancelled] = [await world.startJob(), await world.startJob()];
    const waiting = await world.startJob();
    const lease = await world.lease(running, index(0));
    const leaseRequest = { ...(await world.leaseRequest(waiting, index(0))) };
    const { executionManagerId } = leaseRequest;

    await database.kill();
    const answers = async (
      calls: Record<string, PlainMessage>,
    ): Promise<Record<string, string>> => {
      const asked = Object.entries(calls).map(async ([call, request]) => [
        call,
        (await world.call(call, request)).code,
      ]);
      return Object.fromEntries(await Promise.all(asked)) as Record<string, string>;
    };
    expect(
      await answers({
        GetSession: {},
        GetJobState: { jobId: running },
        GetJobOutputs: { jobId: running },
        PollReadyTasks: { maxItems: '10' },
        PollReadyCommitTasks: { maxItems: '10' },
        PollReadyCleanupTasks: { maxItems: '10' },
        UpdateExecutionManagerHeartbeat: { executionManagerId },
        RegisterTaskInstance: leaseRequest,
      }),
    ).toEqual({
      GetSession: 'OK',
      GetJobState: 'OK',
      GetJobOutputs: 'FAILED_PRECONDITION',
      PollReadyTasks: 'OK',
      PollReadyCommitTasks: 'OK',
      PollReadyCleanupTasks: 'OK',
      UpdateExecutionManagerHeartbeat: 'OK',
      RegisterTaskInstance: 'OK',
    });
    const changes: Record<string, Outcome> = {
      RegisterJob: world.call('RegisterJob', world.jobRequest(ONE_TASK)),
      StartJob: world.call('StartJob', { jobId: ready }),
      CancelJob: world.call('CancelJob', { jobId: cancelled }),
      ReportTaskSuccess: world.call('ReportTaskSuccess', {
        ...lease,
        serializedOutputs: FORTY_TWO,
      }),
    };
    // Meanwhile the reads have been given up, so those above have waited for longer.
    expect(
      await answers({
        GetJobState: { jobId: UNKNOWN },
        GetJobOutputs: { jobId: UNKNOWN },
        GetJobError: { jobId: UNKNOWN },
        VerifyResourceGroup: { resourceGroupId: '1' },
        AddResourceGroup: { externalResourceGroupId: 'a' },
        RegisterExecutionManager: { ipAddress: '::1' },
        RegisterScheduler: { host: 'a', port: 1 },
        GetSchedulers: {},
      }),
    ).toEqual({
      GetJobState: 'UNAVAILABLE',
      GetJobOutputs: 'UNAVAILABLE',
      GetJobError: 'UNAVAILABLE',
      VerifyResourceGroup: 'UNAVAILABLE',
      AddResourceGroup: 'UNAVAILABLE',
      RegisterExecutionManager: 'UNAVAILABLE',
      RegisterScheduler: 'UNAVAILABLE',
      GetSchedulers: 'UNAVAILABLE',
    });
    const isOver = Symbol('over');
    expect(await Promise.race([...Object.values(changes), Promise.resolve(isOver)])).toBe(isOver);

    await database.restart();
    for (const [call, outcome] of Object.entries(changes)) {
      expect(await outcome, call).toMatchObject({ code: 'OK' });
    }
    expect(await world.state(ready)).toBe(STATES.RUNNING);
    expect(await world.state(cancelled)).toBe(STATES.CANCELLED);
    expect(await world.state(running)).toBe(STATES.SUCCEEDED);
    expect(await world.state(String((await changes['RegisterJob'])?.response['jobId']))).toBe(
      STATES.READY,
    );
    // It has come into being once.
    expect(await world.call('GetJobState', { jobId: '6' })).toMatchObject({ code: 'NOT_FOUND' });
  },
  60_000,
);
