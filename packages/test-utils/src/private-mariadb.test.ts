import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { describe, expect, it } from 'vitest';
import { mariadbMissing, startPrivateMariadb } from './private-mariadb.ts';

/** The first packet that a server sends names its version. */
const greeting = (socketPath: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(socketPath, () => undefined);
    socket.once('error', reject);
    socket.once('data', (packet) => {
      socket.destroy();
      resolve(packet.toString('latin1'));
    });
  });

describe.skipIf(mariadbMissing() !== undefined)('a private MariaDB', () => {
  it('answers, survives a crash, and leaves nothing behind', { timeout: 60_000 }, async () => {
    const database = await startPrivateMariadb();
    const { socketPath, pid } = database;
    try {
      expect(await greeting(socketPath)).toContain('MariaDB');
      await database.kill();
      await expect(greeting(socketPath)).rejects.toThrow();
      await database.restart();
      expect(await greeting(socketPath)).toContain('MariaDB');
    } finally {
      await database[Symbol.asyncDispose]();
    }
    expect(existsSync(socketPath)).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
