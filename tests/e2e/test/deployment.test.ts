import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryPath, runProcess } from '@spider/e2e';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type ComposeFile, readComposeFile } from './compose-file.ts';

const COMPOSE = repositoryPath('deploy/docker/compose.yaml');
const PASSWORDS = {
  SPIDER_STORAGE_DB_PASSWORD: 'spider-secret',
  SPIDER_DATABASE_ROOT_PASSWORD: 'root-secret',
};
/** Of each service the folder of its app, and the name of its configuration. */
const ROLES = [
  ['spider-storage', 'storage', 'storage'],
  ['spider-scheduler', 'scheduler', 'scheduler'],
  ['spider-worker', 'em', 'execution-manager'],
] as const;

async function check(app: string, config: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spider-deployment-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'config.yaml');
  await writeFile(path, config);
  const main = repositoryPath(`apps/${app}/dist/main.js`);
  const { code, stdout, stderr } = await runProcess([main, '--config', path, '--check'], {
    env: {
      SPIDER_STORAGE_DB_USERNAME: 'spider-user',
      SPIDER_STORAGE_DB_PASSWORD: PASSWORDS.SPIDER_STORAGE_DB_PASSWORD,
    },
  });
  const said = `${stdout}${stderr}`.replace(path, 'it').trim();
  return code === 0 ? said : `code ${code}: ${said}`;
}

describe('the Compose stack', () => {
  let stack: ComposeFile;
  beforeAll(async () => {
    stack = await readComposeFile(COMPOSE, PASSWORDS);
  });

  it.each(ROLES)(
    'gives %s a configuration that holds, and nothing in it that is not known',
    async (service, app) => {
      const source = stack.services[service]?.configs?.[0]?.source ?? '';
      expect(await check(app, stack.configs[source]?.content ?? '')).toBe('it is valid');
    },
  );

  it('puts each configuration where its image looks for it', async () => {
    const dockerfile = await readFile(repositoryPath('deploy/docker/Dockerfile'), 'utf8');
    for (const [service, app, name] of ROLES) {
      const path = `/etc/spider/${name}.yaml`;
      expect(stack.services[service]?.configs?.[0]?.target).toBe(path);
      expect(dockerfile).toContain(
        `ENTRYPOINT ["node", "/opt/spider/${app}/dist/main.js"]\nCMD ["--config", "${path}"]`,
      );
    }
  });

  it('is reached from its own machine only, unless told otherwise', async () => {
    expect(stack.services['spider-storage']?.ports).toEqual(['127.0.0.1:50051:50051']);
    const variables = {
      ...PASSWORDS,
      SPIDER_STORAGE_PUBLISHED_IP: '0.0.0.0',
      SPIDER_STORAGE_PORT: '7000',
    };
    const open = await readComposeFile(COMPOSE, variables);
    expect(open.services['spider-storage']?.ports).toEqual(['0.0.0.0:50051:7000']);
    expect(open.configs['worker']?.content).toContain('port: 7000');
  });

  it('has no password of its own', async () => {
    await expect(readComposeFile(COMPOSE, {})).rejects.toThrow(/^SPIDER_\w+_PASSWORD: give /);
  });
});

describe('the units of systemd', () => {
  it.each(ROLES)('%s: check the configuration of the service, and run it', async (_, app, name) => {
    const unit = await readFile(repositoryPath(`deploy/systemd/spider-${name}.service`), 'utf8');
    const run = `/opt/spider/node/bin/node /opt/spider/${app}/dist/main.js --config /etc/spider/${name}.yaml`;
    expect(unit.split('\n')).toEqual(
      expect.arrayContaining([`ExecStartPre=${run} --check`, `ExecStart=${run}`, 'Restart=always']),
    );
  });

  it.each(['storage', 'scheduler', 'em'])(
    'are installed with a first configuration that holds: %s',
    async (app) => {
      const example = await readFile(repositoryPath(`apps/${app}/config.example.yaml`), 'utf8');
      expect(await check(app, example)).toBe('it is valid');
    },
  );
});

it('the workflows name each action by an exact version, and keep no credentials', async () => {
  const folder = repositoryPath('.github/workflows');
  for (const file of await readdir(folder)) {
    const text = await readFile(join(folder, file), 'utf8');
    const uses = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
    expect(uses.every((action) => /@v\d+\.\d+\.\d+$/.test(action ?? ''))).toBe(true);
    const checkouts = uses.filter((action) => action?.startsWith('actions/checkout@'));
    expect(text.match(/persist-credentials: false/g) ?? []).toHaveLength(checkouts.length);
    expect(text).toMatch(/^permissions:/m);
  }
});
