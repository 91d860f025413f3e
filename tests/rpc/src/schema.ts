import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import type { PackageDefinition, ServiceDefinition } from '@grpc/proto-loader';

/** A message in the loader's plain form: field names in camelCase, 64-bit integers as text. */
export type PlainMessage = Readonly<Record<string, unknown>>;

/** A method of the port, as its `.proto` file has it. */
export interface RpcMethod {
  /** `RegisterJob`. */
  readonly name: string;
  /** `/storage.JobOrchestrationService/RegisterJob`. */
  readonly path: string;
  readonly isClientStream: boolean;
  readonly isServerStream: boolean;
  /** `storage`. */
  readonly packageName: string;
  /** Without its package. */
  readonly requestType: string;
  encode(request: PlainMessage): Buffer;
  decode(response: Buffer): PlainMessage;
  /** As a server does. */
  decodeRequest(request: Buffer): PlainMessage;
  encodeResponse(response: PlainMessage): Buffer;
}

/** A field as descriptors have it. */
export interface FieldShape {
  readonly name: string;
  readonly label: 'LABEL_OPTIONAL' | 'LABEL_REQUIRED' | 'LABEL_REPEATED';
  readonly type: string;
  /** Of a message or an enum, as it is written in the file. */
  readonly typeName: string;
}

interface DescriptorShape {
  readonly name: string;
  readonly field: readonly FieldShape[];
  readonly nestedType: readonly DescriptorShape[];
}

/** A message's fields, and those of the maps in it. */
export interface MessageShape {
  readonly fullName: string;
  readonly fields: readonly FieldShape[];
  readonly maps: ReadonlyMap<string, readonly FieldShape[]>;
}

const PROTO_FOLDER = fileURLToPath(new URL('../../../proto', import.meta.url));

/**
 * The services of `.proto` files, read and encoded by a library that the rest of Spider does not use:
 * what this client sends owes nothing to Spider's own encoder.
 */
export class Schema {
  readonly #definition: PackageDefinition;
  readonly methods: readonly RpcMethod[];

  constructor(files: readonly string[]) {
    this.#definition = loadSync([...files], {
      includeDirs: [PROTO_FOLDER],
      longs: String,
      enums: Number,
      bytes: Buffer,
      arrays: true,
    });
    this.methods = Object.values(this.#definition).flatMap((entry) =>
      'format' in entry ? [] : methodsOf(entry),
    );
  }

  /** The method of this short name, which no two services may have. */
  method(name: string): RpcMethod {
    const [found, ...others] = this.methods.filter((method) => method.name === name);
    if (found === undefined || others.length > 0) throw new Error(`which method is ${name}?`);
    return found;
  }

  /** A message by its name as it is written in a file of a package; undefined for enums. */
  message(packageName: string, typeName: string): MessageShape | undefined {
    const elsewhere = Object.keys(this.#definition).filter((name) => name.endsWith(`.${typeName}`));
    for (const fullName of [`${packageName}.${typeName}`, typeName, ...elsewhere]) {
      const entry = this.#definition[fullName];
      if (entry === undefined || !('serialize' in entry)) continue;
      const { field: fields, nestedType } = entry.type as DescriptorShape;
      return {
        fullName,
        fields,
        maps: new Map(nestedType.map(({ name, field }) => [name, field])),
      };
    }
    return undefined;
  }
}

function methodsOf(service: ServiceDefinition): RpcMethod[] {
  return Object.entries(service).map(([name, method]) => ({
    name,
    path: method.path,
    packageName: method.path.slice(1, method.path.lastIndexOf('.')),
    isClientStream: method.requestStream,
    isServerStream: method.responseStream,
    requestType: (method.requestType.type as DescriptorShape).name,
    encode: (request) => method.requestSerialize(request),
    decode: (response) => method.responseDeserialize(response) as PlainMessage,
    decodeRequest: (request) => method.requestDeserialize(request) as PlainMessage,
    encodeResponse: (response) => method.responseSerialize(response),
  }));
}
