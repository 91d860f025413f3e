import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import type { UniversalHandlerOptions } from '@connectrpc/connect/protocol';

type Input = MessageShape<DescMessage>;
type Output = MessageInitShape<DescMessage>;

/** A method of a service with what answers it. */
export interface ServedMethod {
  readonly method: DescMethod;
  /** Such as `spider.v1.JobService/SubmitJob`. */
  readonly name: string;
  /** The largest message that is read, unless it is the server's. */
  readonly readMaxBytes: number | undefined;
  /** What it takes and gives is a message, or an iterable of them, as the method's kind says. */
  readonly answer: (
    input: Input | AsyncIterable<Input>,
    context: HandlerContext,
  ) => Output | Promise<Output> | AsyncIterable<Output>;
}

/** A router that passes on what is registered with it, and notes it by the paths of the methods. */
export function noteMethods(
  router: ConnectRouter,
  methods: Map<string, ServedMethod>,
): ConnectRouter {
  const note = (
    method: DescMethod,
    implementation: unknown,
    owner: unknown,
    options: Partial<UniversalHandlerOptions> = {},
  ): void => {
    const { readMaxBytes, ...others } = options;
    // What has other options is connect's to answer.
    if (typeof implementation !== 'function' || Object.keys(others).length > 0) return;
    const name = `${method.parent.typeName}/${method.name}`;
    const answer = implementation.bind(owner) as ServedMethod['answer'];
    methods.set(`/${name}`, { method, name, readMaxBytes, answer });
  };
  const noting: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      router.service(service, implementation, options);
      const functions = implementation as Record<string, unknown>;
      for (const method of service.methods) {
        note(method, functions[method.localName], functions, options);
      }
      return noting;
    },
    rpc(method, implementation, options) {
      router.rpc(method, implementation, options);
      note(method, implementation, undefined, options);
      return noting;
    },
  };
  return noting;
}
