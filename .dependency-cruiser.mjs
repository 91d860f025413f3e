// Import direction: core <- proto <- runtime <- services <- apps. See CONTRIBUTING.md.
import visitorModule from '@swc/core/Visitor.js';

// swc parses `using`, but the visitor that dependency-cruiser extends does not know it yet and
// stops at it. What it declares is visited like any other variable.
const { Visitor } = visitorModule;
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  for (const { init } of statement.decls) this.visitOptionalExpression(init);
  return statement;
};

/** What each package may import of ours, itself aside. */
const layers = {
  core: [],
  proto: ['core'],
  runtime: ['core', 'proto'],
  tdl: ['core'],
  client: ['core', 'proto', 'runtime'],
  storage: ['core', 'proto', 'runtime'],
  scheduler: ['core', 'proto', 'runtime'],
  'execution-manager': ['core', 'proto', 'runtime'],
  'task-executor': ['core', 'proto', 'tdl', 'runtime'],
  'local-cluster': [],
  'test-utils': ['core', 'client', 'local-cluster'],
  simulator: [
    'core',
    'proto',
    'runtime',
    'storage',
    'scheduler',
    'execution-manager',
    'test-utils',
  ],
};

/** Tests beside the source, and what only they use. */
const testFiles = '\\.test\\.ts$|^packages/[^/]+/test/';
const ours = '^(packages|apps|examples|tests)/';

const layerRules = Object.entries(layers).map(([name, below]) => ({
  name: `layer-${name}`,
  comment:
    below.length === 0
      ? `${name} imports no other package of ours.`
      : `Of our packages ${name} imports ${below.join(', ')} only.`,
  severity: 'error',
  from: { path: `^packages/${name}/`, pathNot: testFiles },
  to: { path: ours, pathNot: `^packages/(${[name, ...below].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    {
      name: 'layer-known',
      comment: 'Every folder in packages/ has a line in the table of layers.',
      severity: 'error',
      from: { path: '^packages/', pathNot: `^packages/(${Object.keys(layers).join('|')})/` },
      to: {},
    },
    {
      name: 'core-is-pure',
      comment: 'core imports nothing from Node or npm.',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: testFiles },
      to: { pathNot: '^packages/core/' },
    },
    {
      name: 'machine-is-pure',
      comment:
        'Files in a machine/ folder hold the decisions and import core and their own folder only.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/machine/', pathNot: testFiles },
      to: { pathNot: ['^packages/core/', '^packages/$1/src/machine/'] },
    },
    {
      name: 'clock-is-a-port',
      comment: 'The services take a Clock; @spider/runtime/node has the real one.',
      severity: 'error',
      from: {
        path: '^packages/(core|storage|scheduler|execution-manager)/src/',
        pathNot: [testFiles, '/testing\\.ts$'],
      },
      to: { path: '^(node:)?(timers|perf_hooks)(/promises)?$' },
    },
    {
      name: 'tests-only',
      comment: 'What is in test/ is for tests: the source of no package imports it.',
      severity: 'error',
      from: { path: '^packages/', pathNot: testFiles },
      to: { path: '^packages/[^/]+/test/' },
    },
    {
      name: 'nothing-above-apps',
      comment: 'No package, and no other app, imports an app; processes are started by path.',
      severity: 'error',
      from: { path: '^(packages|apps|examples|tests)/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^$1/$2/' },
    },
    {
      name: 'through-the-entry',
      comment: 'Another package is imported by its name, not by a path into its folder.',
      severity: 'error',
      from: { path: '^(packages|apps|examples|tests)/([^/]+)/' },
      to: { path: ours, pathNot: '^$1/$2/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that does not resolve would escape the other rules.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // What drivers of peers import is not installed unless they run.
    exclude: { path: '(^|/)dist/|^tests/peers/drivers/' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@spider/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json', '.d.ts'],
    },
  },
};
