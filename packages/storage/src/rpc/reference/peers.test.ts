import { LIMITS } from '@spider/core';
import type { PasswordHasher } from '@spider/runtime';
import { describe, expect, test } from 'vitest';
import { expectRefused, expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { bytes, parseMessage, submessage, uint } from '../../../test/raw-grpc/protobuf.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import { frame } from '../../../test/raw-grpc/reference-graph.ts';
import type { GraphShape } from '../../../test/raw-grpc/reference-graph.ts';
import { index, ReferenceWorld } from '../../../test/raw-grpc/reference-world.ts';
import { openMemoryStore } from '../../testing/memory-store.ts';
import { ScriptedExecutionManager } from '../../testing/scripted-execution-manager.ts';
import { SteppedClock } from '../../testing/stepped-clock.ts';

/** One task, which may take its time. */
const ONE: GraphShape = {
  tasks: [
    {
      inputs: 0,
      outputs: 1,
      policy: {
        max_num_retry: 0,
        max_num_instances: 1,
        timeout_policy: { soft_timeout_ms: 80_000_000, hard_timeout_ms: 86_400_000 },
      },
    },
  ],
};
const UNKNOWN_IDS = [0n, 404n, 2n ** 63n, 2n ** 64n - 1n];

describe('a resource group', () => {
  const add = async (world: ReferenceWorld, name: string, password: string): Promise<bigint> =>
    uint(await world.ok('AddResourceGroup', [1, name], [2, password]), 1);

  test('may have jobs, and is added once however often that is asked for', async () => {
    await using world = await ReferenceWorld.start();
    const id = await add(world, 'nightly', 'secret');
    expect(await add(world, 'nightly', 'secret')).toBe(id);
    expect(await add(world, 'Nightly', 'secret')).not.toBe(id);
    expect(await world.registerJob(ONE, Number(id))).toBe(1n);
    const text = 'resource group "nightly" exists, with another password';
    for (const password of ['', 'Secret', 'secret\0']) {
      const answer = await world.call('AddResourceGroup', [1, 'nightly'], [2, password]);
      expectRefused(answer, Code.AlreadyExists, text);
    }
  });

  test('is one, if it is added by several at the same time', async () => {
    await using world = await ReferenceWorld.start();
    const ids = await Promise.all(Array.from({ length: 5 }, () => add(world, 'nightly', 'secret')));
    expect(new Set(ids).size).toBe(1);
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((password) =>
        world.call('AddResourceGroup', [1, 'weekly'], [2, password]),
      ),
    );
    expect(answers.map(({ code }) => code).sort((a, b) => a - b)).toEqual([
      Code.Ok,
      Code.AlreadyExists,
      Code.AlreadyExists,
    ]);
  });

  test('is known by its password, and by nothing that others could learn from', async () => {
    await using world = await ReferenceWorld.start();
    const id = await add(world, 'nightly', 'secret');
    expectVoid(await world.call('VerifyResourceGroup', [1, id], [2, 'secret']));
    const answers = [await world.call('VerifyResourceGroup', [1, id], [2, 'Secret'])];
    answers.push(await world.call('VerifyResourceGroup', [1, id]));
    for (const unknown of UNKNOWN_IDS) {
      answers.push(await world.call('VerifyResourceGroup', [1, unknown], [2, 'secret']));
      answers.push(await world.call('VerifyResourceGroup', [1, unknown]));
    }
    for (const answer of answers) {
      expectRefused(answer, Code.Unauthenticated, 'there is no resource group');
      expect(answer).toEqual(answers[0]);
    }
  });

  test('costs the same work, whether it exists or not', async () => {
    const calls: string[] = [];
    const passwords: PasswordHasher = {
      hash: async (password) => {
        calls.push('hash');
        return Buffer.from(password).toString('hex');
      },
      verify: async (password, hash) => {
        calls.push('verify');
        return Buffer.from(password).toString('hex') === hash;
      },
    };
    await using world = await ReferenceWorld.start({ passwords });
    const id = await add(world, 'nightly', 'secret');
    await world.call('VerifyResourceGroup', [1, id], [2, 'secret']);
    const work: string[][] = [];
    // Group 1 is there from the start, and nobody has its password: also not the empty one.
    for (const [group, password] of [
      [id, 'wrong'],
      [404n, 'secret'],
      [404n, ''],
      [1n, ''],
    ] as const) {
      calls.length = 0;
      const answer = await world.call('VerifyResourceGroup', [1, group], [2, password]);
      expectRefused(answer, Code.Unauthenticated, 'there is no resource group');
      work.push([...calls]);
    }
    expect(work).toEqual([['verify'], ['verify'], ['verify'], ['verify']]);
  });

  test('may have an empty name and an empty password, but none without bounds', async () => {
    await using world = await ReferenceWorld.start();
    const id = await add(world, '', '');
    expectVoid(await world.call('VerifyResourceGroup', [1, id]));
    expect(uint(await world.ok('AddResourceGroup'), 1)).toBe(id);
    const longest = 'ß'.repeat(LIMITS.nameBytes / 2);
    await add(world, longest, 'p'.repeat(LIMITS.passwordBytes));
    const name = await world.call('AddResourceGroup', [1, `${longest}x`], [2, 'p']);
    expectRefused(name, Code.InvalidArgument, 'external_resource_group_id: 257 bytes are more');
    const tooLong = 'p'.repeat(LIMITS.passwordBytes + 1);
    for (const [method, group] of [
      ['AddResourceGroup', 'long'],
      ['VerifyResourceGroup', id],
    ] as const) {
      const answer = await world.call(method, [1, group], [2, tooLong]);
      expectRefused(answer, Code.InvalidArgument, 'password: 2049 bytes are more than 2048');
    }
  });

  test('of the default name belongs to nobody', async () => {
    await using world = await ReferenceWorld.start();
    const answer = await world.call('AddResourceGroup', [1, 'default']);
    expectRefused(answer, Code.AlreadyExists, '"default" exists');
  });

  test('is kept, and its password only as a hash', async () => {
    const store = await openMemoryStore();
    await using world = await ReferenceWorld.start({ store });
    const id = await add(world, 'nightly', 'secret');
    const stored = await store.resourceGroups.findByExternalId('nightly');
    expect(stored?.id).toBe(id);
    expect(stored?.passwordHash).toMatch(/^\$sha256-scrypt\$/);
    expect(stored?.passwordHash).not.toContain(
      Buffer.from('secret').toString('base64').slice(0, 6),
    );
  });
});

describe('an execution manager', () => {
  const CUTOFF_SEC = 60;
  const register = (world: ReferenceWorld, ip: string) =>
    world.call('RegisterExecutionManager', [1, ip]);
  const beat = (world: ReferenceWorld, id: bigint) =>
    world.call('UpdateExecutionManagerHeartbeat', [1, id]);

  test('registers with an address of either kind, and gets the session', async () => {
    await using world = await ReferenceWorld.start();
    const ids = new Set<bigint>();
    for (const ip of ['0.0.0.0', '127.0.0.1', '::', '2001:db8::1', '::ffff:10.0.0.1']) {
      const registration = submessage(parseMessage((await register(world, ip)).body), 1);
      expect(uint(registration, 2)).toBe(world.session);
      ids.add(uint(registration, 1));
    }
    expect([...ids]).toEqual([1n, 2n, 3n, 4n, 5n]);
  });

  test.each(['', 'localhost', '256.0.0.1', '1.2.3', '::1%lo', '127.0.0.1 ', 'x'.repeat(100_000)])(
    'does not register with the address %j',
    async (ip) => {
      await using world = await ReferenceWorld.start();
      const text = 'ip_address: is neither an IPv4 nor an IPv6 address';
      expectRefused(await register(world, ip), Code.InvalidArgument, text);
    },
  );

  test('is alive as long as its heart beats, and what it held runs elsewhere then', async () => {
    const clock = new SteppedClock();
    await using world = await ReferenceWorld.start({ clock });
    const manager = await world.registerManager();
    const job = await world.startJob(ONE);
    expect(await world.poll()).toHaveLength(1);
    const lease = await world.lease(job, index(0), manager);
    for (let minute = 0; minute < 3; minute++) {
      clock.advance(CUTOFF_SEC * 1000 - 1);
      const response = await world.ok('UpdateExecutionManagerHeartbeat', [1, manager]);
      expect(uint(response, 1)).toBe(world.session);
    }
    expect(await world.poll()).toEqual([]);
    clock.advance(CUTOFF_SEC * 1000);
    expect(await world.poll()).toEqual([[job, '0800']]);
    const text = `execution manager ${manager} is lost: register again`;
    expectRefused(await beat(world, manager), Code.FailedPrecondition, text);
    const stale = `execution manager ${manager} is not alive`;
    expectRefused(await world.tryLease(job, index(0), manager), Code.FailedPrecondition, stale);
    const late = await world.succeed(lease, frame(Buffer.of(1)));
    expectRefused(late, Code.FailedPrecondition, 'cache stale: ');
    // Its loss has cost no retry, of which there are none.
    expectVoid(await world.succeed(await world.lease(job, index(0)), frame(Buffer.of(1))));
  });

  test('is judged by the configured cutoff', async () => {
    const clock = new SteppedClock();
    const config = { runtime: { task_instance_pool: { execution_manager_stale_cutoff_sec: 5 } } };
    await using world = await ReferenceWorld.start({ clock, config });
    const manager = await world.registerManager();
    clock.advance(4999);
    await world.ok('UpdateExecutionManagerHeartbeat', [1, manager]);
    clock.advance(5000);
    expectRefused(await beat(world, manager), Code.FailedPrecondition, 'is lost');
  });

  test('that never was has no heartbeat', async () => {
    await using world = await ReferenceWorld.start();
    for (const id of UNKNOWN_IDS) {
      const text = `execution_manager_id: ${id} was never issued`;
      expectRefused(await beat(world, id), Code.InvalidArgument, text);
    }
  });

  test('of ours may beat, too, and cannot have a stream without being one', async () => {
    await using world = await ReferenceWorld.start();
    const ours = await ScriptedExecutionManager.register(world.storage.transport);
    await world.ok('UpdateExecutionManagerHeartbeat', [1, ours.id]);
    const manager = await world.registerManager();
    const stream = new ScriptedExecutionManager(world.storage.transport, manager);
    stream.send({ hello: { executionManagerId: manager } });
    expect(await stream.inbox.closed()).toMatchObject({
      code: 'failed-precondition',
      message: `execution manager ${manager} has no streams: register again for one`,
    });
    await world.lease(await world.startJob(ONE), index(0), manager);
  });
});

describe('a scheduler', () => {
  test('registers, gets the session, and takes the place of the one before', async () => {
    await using world = await ReferenceWorld.start();
    const list = async () =>
      (submessage(await world.ok('GetSchedulers'), 1).get(1) ?? []).map((entry) => {
        const scheduler = parseMessage(entry as Buffer);
        return [uint(scheduler, 1), bytes(scheduler, 2)?.toString(), uint(scheduler, 3)];
      });
    expect(await list()).toEqual([]);
    const ids: bigint[] = [];
    for (const [host, port] of [
      ['one', 50_052],
      ['two', 0],
    ] as const) {
      const response = await world.ok('RegisterScheduler', [1, host], [2, port]);
      const registration = submessage(response, 1);
      expect(uint(registration, 2)).toBe(world.session);
      ids.push(uint(registration, 1));
      expect(await list()).toEqual([[ids.at(-1), host, BigInt(port)]]);
    }
    expect(ids[1]).toBeGreaterThan(ids[0] ?? 0n);
  });

  test('needs a host and a port that can be', async () => {
    await using world = await ReferenceWorld.start();
    const refused = async (host: string, port: number | bigint, text: string): Promise<void> =>
      expectRefused(
        await world.call('RegisterScheduler', [1, host], [2, port]),
        Code.InvalidArgument,
        text,
      );
    await refused('', 1, 'host: is empty');
    await refused('h'.repeat(257), 1, 'host: 257 bytes are more than 256');
    await refused('host', 65_536, 'port: 65536 is more than 65535');
    await refused('host', 2n ** 32n - 1n, 'port: 4294967295 is more than 65535');
  });
});

test('the session is told to whoever asks', async () => {
  await using world = await ReferenceWorld.start();
  expect(uint(await world.ok('GetSession'), 1)).toBe(world.session);
});
