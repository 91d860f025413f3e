import {
  createHash,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';

/** A certificate and its private key, in PEM. */
export interface KeyAndCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Names and addresses beside the common name. */
  readonly names?: readonly string[];
  /** Days from now when it begins to hold and when it ends; -1 and 1 by default. */
  readonly days?: readonly [from: number, until: number];
}

/** The tags of DER. */
const Tag = {
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Oid: 0x06,
  Utf8: 0x0c,
  Sequence: 0x30,
  Set: 0x31,
  Time: 0x18,
  True: 0x01,
} as const;
const ECDSA_SHA256 = '2a8648ce3d040302';
const COMMON_NAME = '550403';
const DAY_MS = 86_400_000;

/** Issues certificates that are good for a test. No tool is needed but Node. */
export class TestAuthority {
  readonly #name: string;
  readonly #key: KeyObject;
  readonly #keyId: Buffer;
  /** The authority's own certificate, in PEM. */
  readonly cert: string;

  constructor(name = 'test authority') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = name;
    this.#key = privateKey;
    this.#keyId = createHash('sha1').update(spki(publicKey)).digest();
    const extensions = [
      // It is an authority.
      extension('551d13', true, sequence(der(Tag.True, hex('ff')))),
      extension('551d0e', false, der(Tag.OctetString, this.#keyId)),
    ];
    this.cert = this.#sign(name, publicKey, extensions, [-1, 1]);
  }

  issue(commonName: string, { names = [], days = [-1, 1] }: IssueOptions = {}): KeyAndCertificate {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const extensions = [
      extension('551d11', false, sequence(...names.map(generalName))),
      extension('551d23', false, sequence(der(0x80, this.#keyId))),
    ];
    return {
      cert: this.#sign(commonName, publicKey, extensions, days),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  #sign(
    subject: string,
    publicKey: KeyObject,
    extensions: readonly Buffer[],
    [from, until]: readonly [number, number],
  ): string {
    const algorithm = sequence(der(Tag.Oid, hex(ECDSA_SHA256)));
    const content = sequence(
      der(0xa0, der(Tag.Integer, hex('02'))),
      der(Tag.Integer, Buffer.concat([hex('01'), randomBytes(8)])),
      algorithm,
      nameOf(this.#name),
      sequence(timeIn(from), timeIn(until)),
      nameOf(subject),
      spki(publicKey),
      der(0xa3, sequence(...extensions)),
    );
    const signature = der(
      Tag.BitString,
      Buffer.concat([hex('00'), sign('sha256', content, this.#key)]),
    );
    return new X509Certificate(sequence(content, algorithm, signature)).toString();
  }
}

/** Writes certificate and key into a folder as `<name>.crt` and `<name>.key`, and answers where. */
export async function writeCertificate(
  directory: string,
  name: string,
  { cert, key }: KeyAndCertificate,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const certFile = join(directory, `${name}.crt`);
  const keyFile = join(directory, `${name}.key`);
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key, { mode: 0o600 })]);
  return { certFile, keyFile };
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const sequence = (...parts: readonly Buffer[]): Buffer => der(Tag.Sequence, Buffer.concat(parts));
const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

const nameOf = (commonName: string): Buffer =>
  sequence(
    der(Tag.Set, sequence(der(Tag.Oid, hex(COMMON_NAME)), der(Tag.Utf8, Buffer.from(commonName)))),
  );

function timeIn(days: number): Buffer {
  const time = new Date(Date.now() + days * DAY_MS).toISOString();
  return der(Tag.Time, Buffer.from(`${time.replaceAll(/[-:T]/g, '').slice(0, 14)}Z`));
}

function generalName(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, Buffer.from(name.split('.').map(Number)));
  return der(0x82, Buffer.from(name));
}

const extension = (oid: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(
    der(Tag.Oid, hex(oid)),
    ...(isCritical ? [der(Tag.True, hex('ff'))] : []),
    der(Tag.OctetString, value),
  );
