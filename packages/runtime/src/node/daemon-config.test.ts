import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type ListeningServer, readDaemonConfig } from './daemon-config.ts';

const fileSchema = z.object({
  port: z.int().default(50_051),
  db: z.object({ path: z.string().default('jobs'), password: z.string().optional() }).prefault({}),
  token: z.object({ seconds: z.int() }).optional(),
  hosts: z.array(z.object({ host: z.string() })).default([]),
});
const schema = fileSchema.transform(({ port, db }) => ({ listenAt: port, db }));

async function read(
  text: string,
  flags: readonly string[] = [],
  more: Partial<Parameters<typeof readDaemonConfig<typeof fileSchema, typeof schema>>[1]> = {},
): Promise<z.output<typeof schema>> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-config-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'config.yaml');
  await writeFile(path, text);
  const info = { name: 'spider-test', summary: 'Does nothing.', version: '1.0.0' };
  return readDaemonConfig(['-c', path, ...flags], { ...info, fileSchema, schema, ...more });
}

const said = async (text: string, flags: readonly string[]): Promise<string> => {
  const error: unknown = await read(text, flags).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'ExitError', exitCode: 0 });
  return (error as Error).message;
};

describe('a daemon’s configuration', () => {
  it('is what its file says, as the daemon uses it', async () => {
    expect(await read('port: 1')).toEqual({ listenAt: 1, db: { path: 'jobs' } });
  });

  it.each([[], ['--check'], ['--print']])(
    'is refused with key, value and rule %s',
    async (...flags) => {
      await expect(read('port: "1"', flags)).rejects.toThrow(/port is "1": .*expected number/);
      const validate = (): never => {
        throw new Error('not in this environment');
      };
      await expect(read('', flags, { validate })).rejects.toThrow('not in this environment');
    },
  );

  it('can be checked, which tells what is not known', async () => {
    expect(await said('port: 1', ['--check'])).toMatch(/^\S+config.yaml is valid$/);
    const notes = await said('prot: 1\ndb: { pth: x }\nhosts: []', ['--check']);
    expect(notes.split('\n').slice(0, -1)).toEqual([
      'prot is not known and is ignored',
      'db.pth is not known and is ignored',
    ]);
  });

  it('can be printed with its defaults, and without secrets', async () => {
    const text = 'db: { password: hunter2 }\ntoken: { seconds: 5 }\nhosts: [{ host: a }]';
    const printed = await said(text, ['--print']);
    expect(printed).toBe(
      [
        'port: 50051',
        'db:',
        '  path: jobs',
        '  password: (not shown)',
        'token:',
        '  seconds: 5',
        'hosts:',
        '  - host: a',
      ].join('\n'),
    );
    expect(await read(printed.replace('(not shown)', 'x'))).toMatchObject({ listenAt: 50_051 });
  });

  it('says which server is to be asked for its health', async () => {
    const listensAt = ({ listenAt }: z.output<typeof schema>): ListeningServer => ({
      host: '127.0.0.1',
      port: listenAt,
      isAuthRequired: false,
      insecure: false,
    });
    const asking = read('port: 1', ['--health'], { listensAt });
    await expect(asking).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:1: /) as string,
    });
  });

  it('lets a server listen where others reach it only if it asks who calls, or says that it need not', async () => {
    const listensAt = ({ listenAt }: z.output<typeof schema>): ListeningServer => ({
      host: '0.0.0.0',
      port: listenAt,
      isAuthRequired: false,
      insecure: false,
    });
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const options = { listensAt, warn };
    for (const flags of [[], ['--check']]) {
      await expect(read('port: 1', flags, options)).rejects.toThrow(/^host is "0\.0\.0\.0"/);
    }
    await expect(read('port: 1', ['--insecure', '--check'], options)).rejects.toMatchObject({
      exitCode: 0,
    });
    expect(warnings).toEqual([]);
    await expect(read('port: 1', ['--insecure'], options)).resolves.toMatchObject({ listenAt: 1 });
    expect(warnings).toEqual([expect.stringMatching(/^INSECURE: /)]);
  });

  it('is printed with what follows from it, if the daemon says it', async () => {
    const effective = (file: object): object => ({ ...file, slots: 4 });
    const printing = read('', ['--print'], { effective });
    await expect(printing).rejects.toThrow('slots: 4');
  });
});
