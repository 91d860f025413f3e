import { chain } from './suites/chain.ts';
import { fanIn, fanOut, flat, layered, tree } from './suites/closed-form.ts';
import { dispatch } from './suites/dispatch.ts';
import { engine } from './suites/engine.ts';
import { grain } from './suites/grain.ts';
import { idle } from './suites/idle.ts';
import { fairness } from './suites/fairness.ts';
import { million } from './suites/million.ts';
import { nn } from './suites/nn.ts';
import { overhead } from './suites/overhead.ts';
import { recovery } from './suites/recovery.ts';
import { submit } from './suites/submit.ts';
import { trace } from './suites/trace.ts';
import { zero } from './suites/zero.ts';
import type { Suite } from './suite.ts';

/** All suites, in the order in which `all` runs them. */
export const SUITES: readonly Suite[] = [
  engine,
  zero,
  flat,
  layered,
  fanIn,
  fanOut,
  tree,
  chain,
  dispatch,
  fairness,
  nn,
  submit,
  overhead,
  grain,
  trace,
  million,
  recovery,
  idle,
];
