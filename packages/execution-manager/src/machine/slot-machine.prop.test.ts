import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlotMachineModel } from '../../test/slot-machine-model.ts';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const functionName = fc.constantFrom('f', 'g');
const which = fc.nat(7);
const tasksMax = fc.constantFrom(undefined, 1, 20, 200);

/** What may happen, each as a thing to do to the model. */
const happening: fc.Arbitrary<(model: SlotMachineModel) => void> = fc.oneof(
  { weight: 6, arbitrary: share.map((s) => (model: SlotMachineModel) => model.assign(s)) },
  {
    weight: 6,
    arbitrary: fc.tuple(share, functionName).map(
      ([s, name]) =>
        (model: SlotMachineModel) =>
          model.answerLeases(s, name),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 300 }), functionName).map(
      ([count, name]) =>
        (model: SlotMachineModel) =>
          model.lease(count, name),
    ),
  },
  {
    weight: 12,
    arbitrary: fc
      .tuple(which, fc.integer({ min: 1, max: 128 }), fc.constantFrom(5, 40, 3_000, 300_000))
      .map(([index, count, elapsedUs]) => (model: SlotMachineModel) => {
        const process = model.byIndex(index);
        if (process?.isUp === false) model.start(process);
        else if (process !== undefined) model.answer(process, count, elapsedUs);
      }),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(which, share).map(([index, s]) => (model: SlotMachineModel) => {
      const process = model.byIndex(index);
      if (process !== undefined) model.giveBack(process, s);
    }),
  },
  {
    weight: 2,
    arbitrary: which.map((index) => (model: SlotMachineModel) => {
      const process = model.byIndex(index);
      if (process !== undefined) model.exit(process);
    }),
  },
  {
    weight: 1,
    arbitrary: which.map((index) => (model: SlotMachineModel) => {
      const process = model.byIndex(index);
      if (process !== undefined) model.breakDown(process);
    }),
  },
  {
    weight: 1,
    arbitrary: which.map((index) => (model: SlotMachineModel) => {
      const process = model.byIndex(index);
      if (process !== undefined) model.grow(process);
    }),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 1_500_000 }).map((us) => (model: SlotMachineModel) => {
      model.nowUs += us;
      model.tell({ type: 'wake-up', nowUs: model.nowUs });
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(2_000), fc.integer({ min: 1, max: 50 })).map(
      ([from, count]) =>
        (model: SlotMachineModel) =>
          model.cancel(from, count),
    ),
  },
  {
    weight: 1,
    arbitrary: share.map((s) => (model: SlotMachineModel) => {
      const count = Math.floor(model.machine.state.leasing * s);
      model.tell({ type: 'refused', nowUs: model.nowUs, count });
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant((model: SlotMachineModel) => {
      model.credit = 0;
      model.tell({ type: 'credit-void', nowUs: model.nowUs });
    }),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((full) => (model: SlotMachineModel) => {
      model.tell({ type: 'backlog', nowUs: model.nowUs, full });
    }),
  },
  { weight: 1, arbitrary: fc.constant((model: SlotMachineModel) => model.disown()) },
);

test('whatever happens, each instance is run in turn and comes to exactly one end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      tasksMax,
      fc.array(happening, { maxLength: 120 }),
      (slots, most, happenings) => {
        const model = new SlotMachineModel(slots, most);
        for (const happen of happenings) happen(model);
        model.settle();
      },
    ),
    { numRuns: 300 },
  );
});

test('drained at any moment, it gives back or finishes all it holds, and says so once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      tasksMax,
      fc.array(happening, { maxLength: 60 }),
      fc.array(happening, { maxLength: 20 }),
      (slots, most, before, after) => {
        const model = new SlotMachineModel(slots, most);
        for (const happen of before) happen(model);
        model.isDraining = true;
        model.credit = 0;
        model.tell({ type: 'drain', nowUs: model.nowUs });
        for (const happen of after) happen(model);
        model.settle();
        const { leasing } = model.machine.state;
        model.tell({ type: 'refused', nowUs: model.nowUs, count: leasing });
        expect(model.timesDrained).toBe(1);
      },
    ),
    { numRuns: 300 },
  );
});
