import { appendFileSync } from 'node:fs';
import { isFinalJobState } from '@spider/core';
import { JobMachine } from '@spider/storage/job-machine';
import { READY_STAMPS_VARIABLE } from './ready-stamps.ts';

/**
 * Loaded into a storage process ahead of its own code. Notes when each task of a chain becomes ready
 * after another, and adds a line to a file when its job ends, before anybody hears of that.
 */
const path = process.env[READY_STAMPS_VARIABLE];
if (path === undefined) throw new Error(`${READY_STAMPS_VARIABLE} names no file`);

const stampsOf = new WeakMap<JobMachine, number[]>();
const handle = Reflect.get(JobMachine.prototype, 'handle');

JobMachine.prototype.handle = function stamped(this: JobMachine, event, effects = []) {
  // Before the event is applied: what storage makes of it is part of the way.
  const atMs = Number(process.hrtime.bigint()) / 1e6;
  const from = effects.length;
  handle.call(this, event, effects);
  let stamps = stampsOf.get(this);
  if (stamps === undefined) stampsOf.set(this, (stamps = []));
  for (let at = from; at < effects.length; at++) {
    if (effects[at]?.type === 'ready') stamps.push(atMs);
  }
  if (event.type === 'persisted' && isFinalJobState(this.state)) {
    appendFileSync(path, `${JSON.stringify(stamps)}\n`);
  }
  return effects;
};
