// What is around an execution manager, for tests and simulations.
export { Changes } from './testing/changes.ts';
export { FakeExecutor, FakeExecutors } from './testing/fake-executors.ts';
export { makeLot } from './testing/make-lot.ts';
export type { LotFixture } from './testing/make-lot.ts';
export { ScriptedControlPlane } from './testing/scripted-control-plane.ts';
export type {
  ControlPlaneOptions,
  HeardReport,
  IssueOptions,
} from './testing/scripted-control-plane.ts';

// Its machine, for those who check it as a whole.
export { SlotMachine } from './machine/slot-machine.ts';
export { validateState } from './machine/validate-state.ts';
