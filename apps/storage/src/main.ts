#!/usr/bin/env node
import { runMain } from '@spider/runtime/node';
import { runStorage } from './run-storage.ts';

await runMain('spider-storage', runStorage);
