// Stands for a service in tests: gets ready, notes its end, and misbehaves as its configuration
// says under `fake`.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';

const binary = basename(process.argv[1], '.mjs');
const configPath = process.argv[process.argv.indexOf('--config') + 1];
const config = JSON.parse(readFileSync(configPath, 'utf8'));
const { fake = {} } = config;
const note = (text) =>
  appendFileSync(join(dirname(configPath), 'notes'), `${basename(configPath, '.yaml')} ${text}\n`);

process.stderr.write(`${binary} starts with ${process.env.SPIDER_LOG} and ${process.env.EXTRA}\n`);
if (fake.crashes) {
  process.stderr.write('cannot open the database\n');
  process.exit(1);
}

if (fake.hasChild) {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  note(`child ${child.pid}`);
}

const end = (why) => {
  note(`ends by ${why}`);
  if (!fake.isDeaf) process.exit(0);
};
process.on('SIGTERM', () => end('SIGTERM'));
if (process.env.SPIDER_EXIT_WITH_PARENT === '1') {
  process.stdin.on('end', () => end('its parent')).resume();
}

const server = createServer().listen(config.port ?? 0, '127.0.0.1', () => {
  const { port } = server.address();
  note('is ready');
  if (fake.isSilent) return;
  const detail = binary === 'spider-execution-manager' ? '7' : `http://127.0.0.1:${port}`;
  // In two parts, after something else.
  process.stdout.write(`hello\n${binary} rea`);
  setTimeout(() => process.stdout.write(`dy ${detail}\nbye\n`), 5);
});
