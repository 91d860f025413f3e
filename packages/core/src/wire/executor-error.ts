import { MsgpackReader } from '../value/msgpack-reader.ts';
import { MsgpackWriter } from '../value/msgpack-writer.ts';
import { ValueError } from '../value/value-error.ts';

/** Why a task, once it was found, has no outputs. */
export interface TdlError {
  readonly kind: (typeof TDL_ERROR_KINDS)[number];
  readonly message: string;
}

const TDL_ERROR_KINDS = [
  'TaskNotFound',
  'DeserializationError',
  'SerializationError',
  'ExecutionError',
  'InvalidTaskContext',
  'Custom',
] as const;

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** What an executor answers instead of outputs. */
export type ExecutorError =
  | { readonly kind: (typeof TEXT_KINDS)[number]; readonly message: string }
  | { readonly kind: (typeof TDL_KINDS)[number]; readonly error: TdlError }
  | {
      readonly kind: 'IncompatibleVersion';
      readonly packageVersion: Version;
      readonly executorVersion: Version;
    };

const TEXT_KINDS = [
  'InvalidLibrary',
  'DuplicatePackage',
  'InvalidUtf8',
  'ErrorPayloadDeserializationFailure',
] as const;

const TDL_KINDS = ['TaskError', 'PackageInitError'] as const;

const UINT32_MAX = 0xffff_ffff;

export function encodeExecutorError(error: ExecutorError): Uint8Array {
  const writer = new MsgpackWriter();
  writer.writeMapHeader(1);
  writer.writeString(error.kind);
  switch (error.kind) {
    case 'IncompatibleVersion':
      writer.writeArrayHeader(6);
      for (const version of [error.packageVersion, error.executorVersion]) {
        writer.writeInt(version.major);
        writer.writeInt(version.minor);
        writer.writeInt(version.patch);
      }
      break;
    case 'TaskError':
    case 'PackageInitError':
      writeTdlError(writer, error.error);
      break;
    default:
      writer.writeString(error.message.toWellFormed());
  }
  return writer.toBytes();
}

/** @throws SpiderError 'invalid-argument' if the bytes are no executor error. */
export function decodeExecutorError(bytes: Uint8Array): ExecutorError {
  const reader = new MsgpackReader(bytes);
  const name = readVariant(reader, 'executor error');
  if (name === 'IncompatibleVersion') return readIncompatibleVersion(reader);
  const text = TEXT_KINDS.find((kind) => kind === name);
  if (text !== undefined) return { kind: text, message: reader.readString() };
  const nested = TDL_KINDS.find((kind) => kind === name);
  if (nested !== undefined) return { kind: nested, error: readTdlError(reader) };
  throw new ValueError(`unknown executor error ${JSON.stringify(name)}`);
}

export function encodeTdlError(error: TdlError): Uint8Array {
  const writer = new MsgpackWriter();
  writeTdlError(writer, error);
  return writer.toBytes();
}

/** @throws SpiderError 'invalid-argument' if the bytes are no TDL error. */
export function decodeTdlError(bytes: Uint8Array): TdlError {
  return readTdlError(new MsgpackReader(bytes));
}

/** One line for people, such as `task failed: boom` or `task package not usable: no such folder`. */
export function formatExecutorError(error: ExecutorError): string {
  return formatText(error).replaceAll(/\s*\n\s*/g, ' ');
}

function formatText(error: ExecutorError): string {
  switch (error.kind) {
    case 'TaskError':
      return formatTdlError(error.error);
    case 'PackageInitError':
      return `task package failed to start: ${formatTdlError(error.error)}`;
    case 'IncompatibleVersion':
      return (
        `task package is built for version ${formatVersion(error.packageVersion)} of the SDK, ` +
        `the executor runs ${formatVersion(error.executorVersion)}`
      );
    case 'InvalidLibrary':
      return `task package not usable: ${error.message}`;
    case 'DuplicatePackage':
      return `task package loaded twice: ${error.message}`;
    case 'InvalidUtf8':
      return `not UTF-8: ${error.message}`;
    case 'ErrorPayloadDeserializationFailure':
      return `unreadable error of a task: ${error.message}`;
    default:
      throw new TypeError(`not an executor error: ${JSON.stringify(error satisfies never)}`);
  }
}

function formatTdlError(error: TdlError): string {
  switch (error.kind) {
    case 'TaskNotFound':
      return `no such task: ${error.message}`;
    case 'DeserializationError':
      return `inputs not readable: ${error.message}`;
    case 'SerializationError':
      return `outputs not writable: ${error.message}`;
    case 'ExecutionError':
      return `task failed: ${error.message}`;
    case 'InvalidTaskContext':
      return `task context not valid: ${error.message}`;
    case 'Custom':
      return error.message;
    default:
      throw new TypeError(`not a TDL error: ${JSON.stringify(error.kind satisfies never)}`);
  }
}

const formatVersion = (version: Version): string =>
  `${version.major}.${version.minor}.${version.patch}`;

function writeTdlError(writer: MsgpackWriter, error: TdlError): void {
  writer.writeMapHeader(1);
  writer.writeString(error.kind);
  writer.writeString(error.message.toWellFormed());
}

function readTdlError(reader: MsgpackReader): TdlError {
  const name = readVariant(reader, 'TDL error');
  const kind = TDL_ERROR_KINDS.find((known) => known === name);
  if (kind === undefined) throw new ValueError(`unknown TDL error ${JSON.stringify(name)}`);
  return { kind, message: reader.readString() };
}

function readIncompatibleVersion(reader: MsgpackReader): ExecutorError {
  const count = reader.readArrayHeader('versions');
  if (count !== 6) throw new ValueError(`expected two versions, 6 numbers, got ${count}`);
  const packageVersion = readVersion(reader);
  return { kind: 'IncompatibleVersion', packageVersion, executorVersion: readVersion(reader) };
}

function readVersion(reader: MsgpackReader): Version {
  const major = reader.readInt(0, UINT32_MAX, 'version');
  const minor = reader.readInt(0, UINT32_MAX, 'version');
  return { major, minor, patch: reader.readInt(0, UINT32_MAX, 'version') };
}

/** Reads the name of a variant that holds something: the one key of a map. */
function readVariant(reader: MsgpackReader, expected: string): string {
  const count = reader.readMapHeader(expected);
  if (count !== 1) throw new ValueError(`expected ${expected}, got a map of ${count} entries`);
  return reader.readString();
}
