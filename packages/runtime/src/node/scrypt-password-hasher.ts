import { hash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

import type { PasswordHasher } from '../password-hasher.ts';

export interface ScryptOptions {
  /** The binary logarithm of the cost in time and memory. 14 by default. */
  readonly logCost?: number;
  /** How often the work is repeated in the same memory. 5 by default. */
  readonly parallelization?: number;
}

interface ScryptParameters {
  readonly logCost: number;
  readonly blockSize: number;
  readonly parallelization: number;
}

const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** `$sha256-scrypt$ln=14,r=8,p=5$<salt>$<key>`, with salt and key in base64 without padding. */
const HASH = /^\$sha256-scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/-]+)\$([\w+/-]+)$/;

/**
 * Hashes with scrypt in the thread pool. The defaults take 16 MiB and about a tenth of a second.
 * Hashes that were made with other parameters can be verified, too.
 */
export class ScryptPasswordHasher implements PasswordHasher {
  readonly #parameters: ScryptParameters;

  constructor({ logCost = 14, parallelization = 5 }: ScryptOptions = {}) {
    this.#parameters = { logCost, parallelization, blockSize: BLOCK_SIZE };
  }

  async hash(password: Uint8Array): Promise<string> {
    const { logCost, blockSize, parallelization } = this.#parameters;
    const salt = randomBytes(SALT_BYTES);
    const key = await derive(password, salt, KEY_BYTES, this.#parameters);
    const parameters = `ln=${logCost},r=${blockSize},p=${parallelization}`;
    return `$sha256-scrypt$${parameters}$${toBase64(salt)}$${toBase64(key)}`;
  }

  async verify(password: Uint8Array, hash: string): Promise<boolean> {
    const [, logCost, blockSize, parallelization, salt = '', key = ''] = HASH.exec(hash) ?? [];
    if (logCost === undefined) throw new Error('this is no hash of a password by scrypt');
    const expected = Buffer.from(key, 'base64');
    const actual = await derive(password, Buffer.from(salt, 'base64'), expected.length, {
      logCost: Number(logCost),
      blockSize: Number(blockSize),
      parallelization: Number(parallelization),
    });
    return timingSafeEqual(actual, expected);
  }
}

function derive(
  password: Uint8Array,
  salt: Uint8Array,
  keyBytes: number,
  { logCost, blockSize, parallelization }: ScryptParameters,
): Promise<Buffer> {
  const cost = 2 ** logCost;
  // Scrypt itself takes passwords that differ only in zeros at the end for the same.
  const secret = hash('sha256', password, 'buffer');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = {
    cost,
    blockSize,
    parallelization,
    // Twice what it needs.
    maxmem: 256 * blockSize * (cost + parallelization + 2),
  };
  scrypt(secret, salt, keyBytes, options, (error, key) => {
    if (error === null) resolve(key);
    else reject(error);
  });
  return promise;
}

const toBase64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
