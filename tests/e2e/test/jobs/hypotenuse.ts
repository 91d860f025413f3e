import { defineJob, float64 } from '@spider/client';
import { add, squareRoot } from '@spider/example-hello';

export const job = defineJob([float64, float64], (graph, x, y) => {
  const sum = graph.task(add, x, y);
  return [sum, graph.task(squareRoot, sum)];
});

export const inputs = [9, 16];
