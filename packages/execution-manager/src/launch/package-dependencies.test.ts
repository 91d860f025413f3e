import { expect, onTestFinished, test } from 'vitest';
import { TemporaryDirectory } from '../testing/temporary-directory.ts';
import { packageFolders, realDependencies } from './package-dependencies.ts';

function temporaryDirectory(): TemporaryDirectory {
  const directory = new TemporaryDirectory();
  onTestFinished(() => directory[Symbol.dispose]());
  return directory;
}

const pathsOf = async (directory: TemporaryDirectory, folder: string): Promise<string[]> => {
  const { paths } = await realDependencies([directory.at(folder)]);
  return paths.map((path) => path.slice(directory.path.length + 1)).sort();
};

test('dependencies are found where Node finds them, and those of dependencies with them', async () => {
  const directory = temporaryDirectory();
  directory.put('app/packages/p/package.json', { dependencies: { direct: '1', inner: '1' } });
  directory.put('app/packages/p/node_modules/inner/package.json', { name: 'inner' });
  directory.put('app/node_modules/direct/package.json', {
    name: 'direct',
    dependencies: { deep: '1' },
    devDependencies: { tool: '1' },
  });
  directory.put('app/node_modules/deep/package.json', { name: 'deep' });
  directory.put('app/node_modules/tool/package.json', { name: 'tool' });
  directory.put('app/node_modules/other/package.json', { name: 'other' });
  expect(await pathsOf(directory, 'app/packages/p')).toEqual([
    'app/node_modules/deep',
    'app/node_modules/direct',
    'app/packages/p',
  ]);
});

test('links of package managers are followed', async () => {
  const directory = temporaryDirectory();
  const store = 'app/node_modules/.store/direct@1/node_modules';
  directory.put('app/p/package.json', { dependencies: { direct: '1', '@scope/local': '1' } });
  directory.put(`${store}/direct/package.json`, { name: 'direct', dependencies: { deep: '1' } });
  directory.put(`${store}/deep/package.json`, { name: 'deep' });
  directory.put('work/local/package.json', { name: '@scope/local' });
  directory.link('app/node_modules/direct', `${store}/direct`);
  directory.link('app/p/node_modules/@scope/local', 'work/local');
  expect(await pathsOf(directory, 'app/p')).toEqual([
    `${store}/deep`,
    `${store}/direct`,
    'app/node_modules/direct',
    'app/p',
    'work/local',
  ]);
});

test('a link to what is no such package is no dependency', async () => {
  const directory = temporaryDirectory();
  directory.put('p/package.json', { dependencies: { root: '1', private: '1', '../x': '1' } });
  directory.put('home/package.json', { name: 'somebody-elses' });
  directory.link('p/node_modules/root', '/etc');
  directory.link('p/node_modules/private', 'home');
  expect(await pathsOf(directory, 'p')).toEqual(['p']);
});

test('a package without a package.json has the dependencies of the one above it', async () => {
  const directory = temporaryDirectory();
  directory.put('app/package.json', { dependencies: { direct: '1' } });
  directory.put('app/node_modules/direct/package.json', { name: 'direct' });
  directory.put('app/packages/p/index.js', '');
  expect(await pathsOf(directory, 'app/packages/p')).toEqual([
    'app/node_modules/direct',
    'app/package.json',
    'app/packages/p',
  ]);
});

test('packages are the visible folders of a folder, wherever in it they are', async () => {
  const directory = temporaryDirectory();
  directory.put('packages/a/index.js', '');
  directory.put('packages/.store/b/index.js', '');
  directory.put('packages/node_modules/c/index.js', '');
  directory.put('packages/file.js', '');
  directory.put('outside/index.js', '');
  directory.link('packages/b', 'packages/.store/b');
  directory.link('packages/outside', 'outside');
  directory.link('packages/nowhere', 'nowhere');
  const folders = await packageFolders(directory.at('packages'));
  expect([...folders].sort()).toEqual([
    directory.at('packages/.store/b'),
    directory.at('packages/a'),
  ]);
});
