import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JobDefinition } from '@spider/client';
import {
  encodeValues,
  invalidArgument,
  parseTaskGraphJson,
  type TaskGraph,
  type TypeDescriptor,
  type Types,
} from '@spider/core';
import { typeOf } from './type-of.ts';
import { valueFromJson } from './value-from-json.ts';

/** What a file gave to be submitted. */
export interface ReadJob {
  readonly graph: TaskGraph;
  /** A wire frame, a value for each input of the job. */
  readonly inputs: Uint8Array;
}

/** What a module exports: a job, and its inputs unless they are given with the command. */
interface JobModule {
  readonly job: JobDefinition<Types, unknown>;
  readonly inputs?: readonly unknown[];
}

/**
 * Reads a job from a file: a task graph in JSON, or a module of JavaScript or TypeScript that exports
 * `job` and `inputs`.
 *
 * @param given the inputs of the command line, as JSON; they go before those of the module.
 * @throws SpiderError 'invalid-argument' that names the file, or the input, and what is wrong.
 */
export async function readJobFile(path: string, given: readonly unknown[]): Promise<ReadJob> {
  if (/\.[cm]?[jt]s$/.test(path)) return fromModule(path, given);
  const graph = await readGraphFile(path);
  return { graph, inputs: encodeInputs(graph, given) };
}

/** Reads a task graph in JSON. */
export async function readGraphFile(path: string): Promise<TaskGraph> {
  try {
    return parseTaskGraphJson(await readFile(path));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalidArgument(`${path}: ${reason}`);
  }
}

async function fromModule(path: string, given: readonly unknown[]): Promise<ReadJob> {
  const module = (await import(pathToFileURL(resolve(path)).href)) as object;
  const { job, inputs = [] } = checkModule(path, module);
  if (given.length > 0) return { graph: job.graph, inputs: encodeInputs(job.graph, given) };
  return { graph: job.graph, inputs: job.encodeInputs(inputs) };
}

function checkModule(path: string, module: object): JobModule {
  if ('job' in module && typeof module.job === 'object') return module as JobModule;
  throw invalidArgument(
    `${path}: a module to submit exports job, which is what defineJob answers, and inputs`,
  );
}

function encodeInputs({ jobInputs }: TaskGraph, given: readonly unknown[]): Uint8Array {
  if (given.length !== jobInputs.length) {
    throw invalidArgument(
      `the job takes ${jobInputs.length} inputs, and ${given.length} are given: --input once for each, in order`,
    );
  }
  const value = (descriptor: TypeDescriptor, index: number): unknown =>
    valueFromJson(given[index], descriptor.value);
  return encodeValues(
    jobInputs.map((descriptor) => typeOf(descriptor.value)),
    jobInputs.map(value) as never,
    'job input',
  );
}
