#!/usr/bin/env node
import { runMain } from '@spider/runtime/node';

import { runScheduler } from './run-scheduler.ts';

await runMain('spider-scheduler', runScheduler);
