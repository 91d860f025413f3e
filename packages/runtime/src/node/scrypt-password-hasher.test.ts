import { createHash, scryptSync } from 'node:crypto';
import { setImmediate as endOfTurn } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { ScryptPasswordHasher } from './scrypt-password-hasher.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const cheap = new ScryptPasswordHasher({ logCost: 1, parallelization: 1 });

describe('ScryptPasswordHasher', () => {
  it('knows a password by its hash, and no other', async () => {
    const hash = await cheap.hash(bytes('secret'));
    expect(await cheap.verify(bytes('secret'), hash)).toBe(true);
    expect(await cheap.verify(bytes('secret '), hash)).toBe(false);
    expect(await cheap.verify(bytes(''), hash)).toBe(false);
  });

  it('takes any bytes for a password, and none', async () => {
    for (const password of [new Uint8Array(0), Uint8Array.of(0, 255, 0)]) {
      const hash = await cheap.hash(password);
      expect(await cheap.verify(password, hash)).toBe(true);
      expect(await cheap.verify(Uint8Array.of(0), hash)).toBe(false);
    }
  });

  it('hashes a password differently each time, and says how', async () => {
    const hash = await cheap.hash(bytes('secret'));
    expect(hash).toMatch(/^\$sha256-scrypt\$ln=1,r=8,p=1\$[^$=]{22}\$[^$=]{43}$/);
    expect(await cheap.hash(bytes('secret'))).not.toBe(hash);
    expect(await new ScryptPasswordHasher().hash(bytes('secret'))).toContain('$ln=14,r=8,p=5$');
  });

  it('verifies what was hashed with other parameters', async () => {
    const hash = await new ScryptPasswordHasher({ logCost: 5, parallelization: 2 }).hash(
      bytes('a'),
    );
    expect(await cheap.verify(bytes('a'), hash)).toBe(true);
    expect(await cheap.verify(bytes('b'), hash)).toBe(false);
  });

  it('hashes as others would', async () => {
    const digest = createHash('sha256').update('secret').digest();
    const options = { N: 2 ** 10, r: 4, p: 3 };
    const key = scryptSync(digest, 'NaCl', 64, options).toString('base64').replaceAll('=', '');
    const hash = `$sha256-scrypt$ln=10,r=4,p=3$TmFDbA$${key}`;
    expect(await cheap.verify(bytes('secret'), hash)).toBe(true);
  });

  it('refuses what is no hash', async () => {
    for (const hash of [
      '',
      'secret',
      '$sha256-scrypt$ln=4,r=8,p=1$$',
      '$argon2id$v=19$m=1,t=1,p=1$a$b',
    ]) {
      await expect(cheap.verify(bytes('secret'), hash)).rejects.toThrow('no hash of a password');
    }
  });

  it('leaves the event loop alone', async () => {
    const hashed = new ScryptPasswordHasher().hash(bytes('secret'));
    const order: string[] = [];
    const done = hashed.then(() => order.push('hashed'));
    await endOfTurn();
    order.push('turn');
    await done;
    expect(order).toEqual(['turn', 'hashed']);
  });
});
