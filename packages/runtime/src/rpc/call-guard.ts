import type { ContextValues, Interceptor } from '@connectrpc/connect';

/** A call that has arrived, before anything of its messages is looked at. */
export interface IncomingCall {
  /** Such as `spider.v1.JobService/SubmitJob`. */
  readonly method: string;
  /** For the service that answers it. */
  readonly values: ContextValues;
  /** A field of the request's headers, by its name in lower case; null if there is none. */
  header(name: string): string | null;
}

/** Lets calls pass on their way to the services, or throws what they are answered with instead. */
export type CallGuard = (call: IncomingCall) => void;

/** A guard for the calls that connect answers. */
export const guardInterceptor =
  (guard: CallGuard): Interceptor =>
  (next) =>
  (request) => {
    guard({
      method: `${request.service.typeName}/${request.method.name}`,
      values: request.contextValues,
      header: (name) => request.header.get(name),
    });
    return next(request);
  };
