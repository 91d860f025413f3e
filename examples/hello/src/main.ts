import { connect, defineJob, float64 } from '@spider/client';
import { add, squareRoot } from './index.ts';

const job = defineJob([float64, float64], (graph, x, y) => {
  const sum = graph.task(add, x, y);
  return [sum, graph.task(squareRoot, sum)];
});

using client = connect({ endpoints: [process.argv[2] ?? 'http://127.0.0.1:50051'] });
const handle = await client.submit(job, [9, 16], { start: true });
const [sum, root] = await handle.outputs();
console.log(`the square root of ${sum} is ${root}`);
