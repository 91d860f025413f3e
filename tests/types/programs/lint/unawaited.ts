import { connect, defineJob } from '@spider/client';
import { add } from '../tasks.ts';

const job = defineJob([...add.inputs], (graph, a, b) => [graph.task(add, a, b)]);
using client = connect({ endpoints: ['http://127.0.0.1:50051'] });
const handle = await client.submit(job, [1, 2]);

// a submission that nobody waits for
// error: no-floating-promises
client.submit(job, [1, 2]);

// a submission whose handle is used before it is there
// error: no-floating-promises
client.submit(job, [1, 2]).then((late) => late.start());

// a start that nobody waits for
// error: no-floating-promises
handle.start();

// a cancellation that nobody waits for
// error: no-floating-promises
handle.cancel();

// a callback that nobody waits for
// error: no-misused-promises
[1, 2].forEach(async (a) => client.submit(job, [a, a]));
