#!/usr/bin/env node
import { runMain } from '@spider/runtime/node';
import { runExecutionManager } from './run-execution-manager.ts';

await runMain('spider-execution-manager', runExecutionManager);
