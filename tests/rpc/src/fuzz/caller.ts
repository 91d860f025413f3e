import type { Answer, CodeName, GrpcClient, OpenStream } from '../grpc-client.ts';
import type { PlainMessage, RpcMethod, Schema } from '../schema.ts';
import { HonestPeer } from './honest-peer.ts';
import type { Nonsense } from './nonsense.ts';
import type { RequestMaker } from './request-maker.ts';

/** What may be answered to any request that can be read. */
const ANSWERS: readonly CodeName[] = [
  'OK',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
];
/** By the client's own doing. */
const GIVEN_UP: readonly CodeName[] = ['CANCELLED', 'DEADLINE_EXCEEDED'];
/** Said on the stream of a peer that does not say anything any more, and of a log that such a peer keeps. */
const SILENCE =
  /said nothing for \d+ ms|which keeps the log, (?:is not connected|has not answered|has lost its)/;
/** A refusal travels in a header; clients read so much of those. */
const REFUSAL_LENGTH_MAX = 4096;
const DEADLINE_MS = 20_000;
const STREAMS_MAX = 8;
/** Those that have streams are known by a name of their own. */
const REGISTER = '/spider.v1.WorkerService/RegisterExecutionManager';
const STREAMING = 'streamingManager';
/** A stream ends after so many messages, so that all kinds have their turn. */
const MESSAGES_PER_STREAM = 60;

export interface CallerOptions {
  readonly schema: Schema;
  readonly client: GrpcClient;
  readonly nonsense: Nonsense;
  readonly make: RequestMaker;
  readonly onFinding: (finding: string) => void;
  /** Is told the method and how a call ended. */
  readonly onAnswer: (method: string, code: CodeName) => void;
}

interface UnaryTask {
  readonly taskId: PlainMessage;
  readonly jobId: string;
  readonly executionManagerId: string;
}

interface FuzzStream {
  readonly method: RpcMethod;
  readonly stream: OpenStream;
  readonly executionManagerId: string | undefined;
  sent: number;
}

/** One connection's calls. Each is drawn when it is made, of what is known by then. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #honest: HonestPeer;
  readonly #unary: readonly RpcMethod[];
  readonly #streaming: readonly RpcMethod[];
  /** Those that are still to be used. */
  readonly #streams = new Set<FuzzStream>();
  readonly #open = new Set<OpenStream>();

  constructor(options: CallerOptions) {
    const { methods } = options.schema;
    this.#options = options;
    this.#honest = new HonestPeer(options.client, options.schema, options.make);
    this.#unary = methods.filter((method) => !method.isClientStream && !method.isServerStream);
    this.#streaming = methods.filter((method) => method.isClientStream || method.isServerStream);
  }

  /** Makes one call, or sends one message. Resolves when it has been answered, or is on its way. */
  async next(): Promise<void> {
    const { draw } = this.#options.make;
    const lot = draw.below(100);
    if (lot < 25) {
      const [path, answer] = await this.#honest.step();
      this.#judge(path, answer, false);
    } else if (lot < 28)
      await this.#options.nonsense.send(draw, draw.pick(this.#options.schema.methods));
    else if (lot < 55) this.#useStream();
    else await this.#callUnary(this.#pickUnary());
  }

  /** Breaks off all streams. */
  async close(): Promise<void> {
    for (const stream of this.#open) stream.cancel();
    await Promise.all([...this.#open].map(({ answer }) => answer));
  }

  /** Those that move jobs on come more often. */
  #pickUnary(): RpcMethod {
    const { draw } = this.#options.make;
    if (draw.chance(0.5)) return draw.pick(this.#unary);
    const busy = /Register(Job|TaskInstance|ExecutionManager)$|ReportTask|SubmitJob|StartJob/;
    return draw.pick(this.#unary.filter(({ name }) => busy.test(name)));
  }

  async #callUnary(method: RpcMethod): Promise<void> {
    const { client, make } = this.#options;
    const request = make.make(method.packageName, method.requestType);
    const mayWait = /^Poll|^Wait|^ReadTaskLog$/.test(method.name);
    const call = client.open(method, request, mayWait ? 1_000 : DEADLINE_MS);
    const isGivenUp = make.draw.chance(0.03);
    if (isGivenUp) setTimeout(() => call.cancel(), make.draw.below(3));
    const answer = await call.answer;
    this.#judge(method.path, answer, isGivenUp || mayWait);
    if (answer.code !== 'OK') return;
    make.known.learn(answer.response);
    if (method.path === REGISTER) make.known.add(STREAMING, answer.response['executionManagerId']);
    this.#learnLease(method, request, answer.response);
  }

  #learnLease(method: RpcMethod, request: PlainMessage, response: PlainMessage): void {
    if (method.path !== '/storage.TaskInstanceManagementService/RegisterTaskInstance') return;
    const { taskId = {}, jobId, executionManagerId } = request as Partial<UnaryTask>;
    const context = response['executionContext'] as PlainMessage;
    this.#options.make.known.addInstance({
      jobId: String(jobId),
      executionManagerId: String(executionManagerId),
      taskIndex: indexOf(taskId),
      instance: String(context['taskInstanceId']),
    });
  }

  #judge(path: string, { code, text }: Answer, mayGiveUp: boolean): void {
    const { onAnswer, onFinding } = this.#options;
    onAnswer(path, code);
    if (mayGiveUp && (GIVEN_UP.includes(code) || SILENCE.test(text))) return;
    if (!ANSWERS.includes(code)) onFinding(`${path} was answered ${code}: ${text.slice(0, 500)}`);
    if (code !== 'OK' && (text === '' || text.length > REFUSAL_LENGTH_MAX)) {
      onFinding(`${path} was refused with ${text.length} characters: ${text.slice(0, 100)}`);
    }
  }

  #useStream(): void {
    const { draw } = this.#options.make;
    if (this.#streams.size < STREAMS_MAX && (this.#streams.size === 0 || draw.chance(0.1))) {
      this.#openStream(draw.pick(this.#streaming));
      return;
    }
    const used = draw.pick([...this.#streams]);
    if (used.sent >= MESSAGES_PER_STREAM || draw.chance(0.02)) {
      if (draw.chance(0.5)) used.stream.end();
      else used.stream.cancel();
      this.#streams.delete(used);
      return;
    }
    if (used.method.isClientStream) this.#send(used, this.#message(used));
    else used.sent += 10;
  }

  #openStream(method: RpcMethod): void {
    const { client, make } = this.#options;
    const opening = this.#opening(method);
    const executionManagerId = managerOf(opening);
    const stream = client.stream(method, (response) => {
      make.known.learn(response);
      if (executionManagerId !== undefined) this.#learnContexts(response, executionManagerId);
    });
    const opened: FuzzStream = { method, stream, executionManagerId, sent: 0 };
    this.#streams.add(opened);
    this.#open.add(stream);
    void this.#awaitEnd(opened);
    this.#send(opened, opening);
    if (!method.isClientStream) stream.end();
  }

  async #awaitEnd(opened: FuzzStream): Promise<void> {
    const answer = await opened.stream.answer;
    this.#streams.delete(opened);
    this.#open.delete(opened.stream);
    this.#judge(opened.method.path, answer, true);
  }

  /** Mostly what belongs into the first message of a stream, or it would end at once. */
  #opening(method: RpcMethod): PlainMessage {
    const { make } = this.#options;
    const { hello, credit, ...rest } = make.make(method.packageName, method.requestType);
    if (hello === undefined || make.draw.chance(0.05))
      return { ...rest, ...(credit !== undefined && { credit }) };
    const kind = make.draw.chance(0.85) ? STREAMING : 'executionManagerId';
    const executionManagerId = make.known.pick(make.draw, kind);
    return {
      hello: {
        ...(hello as PlainMessage),
        ...(executionManagerId !== undefined && { executionManagerId }),
        ...(make.draw.chance(0.8) && { slots: 4, host: 'fuzz', port: 1 }),
      },
      ...(credit !== undefined && { credit: make.draw.chance(0.9) ? 100 : credit }),
    };
  }

  #message({ method, sent }: FuzzStream): PlainMessage {
    const { make } = this.#options;
    const message = make.make(method.packageName, method.requestType);
    if (make.draw.chance(0.05)) return message;
    const { hello: _hello, acknowledgedBatch, ...rest } = message;
    return {
      // Of what was not sent it ends the stream.
      ...(make.draw.chance(0.1) && { acknowledgedBatch }),
      ...rest,
      ...('reportSequence' in rest && { reportSequence: String(sent + 1) }),
      ...('credit' in rest && { credit: make.draw.below(50) }),
    };
  }

  #send(opened: FuzzStream, message: PlainMessage): void {
    opened.sent += 1;
    opened.stream.send(message);
  }

  #learnContexts(response: PlainMessage, executionManagerId: string): void {
    for (const { instances } of (response['contexts'] ?? []) as { instances: PlainMessage }[]) {
      const { jobId, instanceBase, taskIndexes, instanceOffsets } = instances;
      (taskIndexes as number[]).forEach((taskIndex, at) => {
        const offset = (instanceOffsets as number[])[at] ?? 0;
        this.#options.make.known.addInstance({
          jobId: String(jobId),
          taskIndex,
          executionManagerId,
          instance: String(BigInt(instanceBase as string) + BigInt(offset)),
        });
      });
    }
  }
}

const managerOf = ({ hello }: PlainMessage): string | undefined =>
  (hello as { executionManagerId?: string } | undefined)?.executionManagerId;

const indexOf = ({ index, commit }: PlainMessage): number => {
  if (index !== undefined) return Number(index);
  return commit === undefined ? 0xffff_fffe : 0xffff_ffff;
};
