import { parentPort } from 'node:worker_threads';
import type { LoopTime } from './calibration.ts';
import { CalibrationLoop } from './calibration-loop.ts';

const port = parentPort;
if (port === null) throw new Error('this runs in a thread of the guard');
const loop = new CalibrationLoop();
port.on('message', (steps: number) => {
  const cpu = process.threadCpuUsage();
  const startMs = performance.now();
  loop.run(steps);
  const elapsedUs = (performance.now() - startMs) * 1000;
  const { user, system } = process.threadCpuUsage(cpu);
  const cpuUs = user + system;
  port.postMessage({ stepUs: cpuUs / steps, stretch: elapsedUs / cpuUs } satisfies LoopTime);
});
