import { strict as assert } from 'node:assert';
import { ExecutorOutcome } from '@spider/core';
import { InstanceKinds } from '../src/machine/instance-kind.ts';
import { packPayloads } from '../src/machine/payload-ranges.ts';
import type { SlotEffect, SlotEvent } from '../src/machine/slot-event.ts';
import { SlotMachine } from '../src/machine/slot-machine.ts';
import { validateState } from '../src/machine/validate-state.ts';
import { makeLot } from '../src/testing/make-lot.ts';

export type Deed = 'succeeds' | 'dies' | 'hangs';
/** Shorter than what makes the machine give back what waits. */
const HARD_TIMEOUT_MS = 100;
const ANSWER_US = 100;

interface Process {
  readonly process: number;
  isUp: boolean;
  isHanging: boolean;
  isKilled: boolean;
  pipe: number[];
}

/**
 * Executors that hold results: before one dies or hangs it has finished some tasks without having
 * said so. What each task does is known here, and not to the machine.
 */
export class BlameTrial {
  readonly #machine: SlotMachine;
  readonly #deeds: readonly Deed[];
  readonly #held: readonly number[];
  readonly #processes: (Process | undefined)[] = [];
  #nowUs = 0;
  readonly reported: number[] = [];
  readonly failures = new Map<number, string>();
  readonly runs: number[];
  processes = 0;

  /** @param held how many results are held when a process dies, for one after the other. */
  constructor(slots: number, deeds: readonly Deed[], held: readonly number[]) {
    this.#machine = new SlotMachine({ slots, cancelGraceMs: 500, startTimeoutMs: 5_000 });
    this.#deeds = deeds;
    this.#held = held;
    this.runs = deeds.map(() => 0);
    this.#tell({ type: 'start', nowUs: 0 });
  }

  run(): void {
    const kinds = new InstanceKinds();
    const count = this.#deeds.length;
    const lot = makeLot({ count, kinds, hardTimeoutMs: HARD_TIMEOUT_MS });
    // So that pipes are filled from the beginning.
    lot.kinds[0]?.length.observe(5, false);
    this.#tell({ type: 'leased', nowUs: 0, lot, answered: count, roundTripUs: 100 });
    for (let round = 0; round < 20 * count + 20; round += 1) {
      if (this.reported.length + this.failures.size === count) return;
      const slots = [...this.#processes.keys()];
      if (!slots.map((slot) => this.#advance(slot)).includes(true)) this.#passTime();
    }
    throw new Error('it never ends');
  }

  /** Answers whether anything happened. */
  #advance(slot: number): boolean {
    const process = this.#processes[slot];
    if (process === undefined || process.isHanging) return false;
    if (!process.isUp) {
      process.isUp = true;
      const from = { slot, process: process.process };
      this.#tell({ type: 'executor-started', nowUs: this.#nowUs, ...from });
      return true;
    }
    if (process.pipe.length === 0) return false;
    const bad = process.pipe.findIndex((position) => this.#deeds[position] !== 'succeeds');
    const deed = bad < 0 ? 'succeeds' : this.#deeds[process.pipe[bad] ?? -1];
    const answered =
      bad < 0
        ? process.pipe.length
        : Math.max(0, bad - (this.#held[this.processes % this.#held.length] ?? 0));
    process.isHanging = deed === 'hangs';
    if (answered > 0) this.#answer(slot, process, answered);
    if (deed === 'dies') this.#exit(slot, process, 'SIGSEGV');
    return true;
  }

  /** Nothing but a limit can end what runs now. */
  #passTime(): void {
    this.#nowUs = Math.max(this.#nowUs, this.#machine.wakeUpAtUs);
    this.#tell({ type: 'wake-up', nowUs: this.#nowUs });
    for (const [slot, process] of this.#processes.entries()) {
      if (process?.isKilled === true) this.#exit(slot, process, 'SIGKILL');
    }
  }

  #answer(slot: number, process: Process, count: number): void {
    this.#nowUs += ANSWER_US;
    const answered = process.pipe.slice(0, count);
    this.#tell({
      type: 'responses',
      nowUs: this.#nowUs,
      slot,
      process: process.process,
      responses: {
        count,
        outcomes: answered.map(() => ExecutorOutcome.Succeeded),
        elapsedUs: answered.map(() => 5),
        payloads: packPayloads(answered.map(() => new Uint8Array(4))),
      },
    });
  }

  #exit(slot: number, process: Process, signal: string): void {
    this.#processes[slot] = undefined;
    const exit = { code: undefined, signal };
    const from = { slot, process: process.process };
    this.#tell({ type: 'executor-exited', nowUs: this.#nowUs, exit, ...from });
  }

  #tell(event: SlotEvent): void {
    for (const effect of this.#machine.handle(event)) this.#observe(effect);
    validateState(this.#machine.state);
  }

  #observe(effect: SlotEffect): void {
    switch (effect.type) {
      case 'spawn':
        this.processes += 1;
        this.#processes[effect.slot] = {
          process: effect.process,
          isUp: false,
          isHanging: false,
          isKilled: false,
          pipe: [],
        };
        return;
      case 'kill':
        (this.#processes[effect.slot] as Process).isKilled = true;
        return;
      case 'execute':
        for (const position of effect.instances.positions) {
          this.runs[position] = (this.runs[position] ?? 0) + 1;
          this.#processes[effect.slot]?.pipe.push(position);
        }
        return;
      case 'report':
        for (const position of effect.positions) {
          this.reported.push(position);
          const process = this.#processes.find((each) => each?.pipe[0] === position);
          process?.pipe.shift();
        }
        return;
      case 'report-failure':
        assert.equal(this.failures.has(effect.position), false);
        this.failures.set(effect.position, effect.message);
        return;
      case 'release':
        throw new Error('nothing is given back here');
      default:
    }
  }
}
