export { runWorld, type Violation, type WorldResult } from './run-world.ts';
export {
  drawScenario,
  type Fault,
  FAULTS,
  type Scenario,
  type ScenarioOptions,
} from './scenario.ts';
