import { parentPort } from 'node:worker_threads';
import { CalibrationLoop } from './calibration-loop.ts';

const port = parentPort;
if (port === null) throw new Error('this runs in a thread of the guard');
const loop = new CalibrationLoop();
port.on('message', (steps: number) => {
  const cpu = process.threadCpuUsage();
  loop.run(steps);
  const { user, system } = process.threadCpuUsage(cpu);
  port.postMessage((user + system) / steps);
});
