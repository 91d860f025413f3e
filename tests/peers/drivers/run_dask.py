"""Dask.distributed: one graph, by Client.get; scheduler and workers are processes of their own."""

import json
import sys
import time
from tempfile import TemporaryDirectory

from distributed import Client, LocalCluster

MODULUS = 1_000_003
LAYERS = 20
WIDTH = 500
TASKS = 10_000
HOPS = 1_000


def take(*inputs):
    return (1 + sum(inputs)) % MODULUS


def flat():
    return [((), (task % 10,)) for task in range(TASKS)]


def layered():
    tasks = []
    for layer in range(LAYERS):
        for place in range(WIDTH):
            if layer == 0:
                tasks.append(((), tuple((place * 3 + i) % 10 for i in range(3))))
            else:
                before = (layer - 1) * WIDTH
                parents = tuple(before + (place * 7 + i * 13) % WIDTH for i in range(3))
                tasks.append((parents, ()))
    return tasks


WORKLOADS = {
    "flat-10k": flat(),
    "fan-in-10k": [*flat(), (tuple(range(TASKS)), ())],
    "layered-10k": layered(),
    "chain-1000": [((), (0,)) if task == 0 else ((task - 1,), ()) for task in range(HOPS)],
}


def expected(tasks):
    values = []
    for parents, constants in tasks:
        values.append(take(*(values[task] for task in parents), *constants))
    inner = {parent for parents, _ in tasks for parent in parents}
    outputs = [task for task in range(len(tasks)) if task not in inner]
    return outputs, [values[task] for task in outputs]


def main(runs, workers):
    with TemporaryDirectory(prefix="spider-peers-") as folder, LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=None,
        memory_limit=0,
        local_directory=folder,
    ) as cluster, Client(cluster) as client:
        for name, tasks in WORKLOADS.items():
            outputs, values = expected(tasks)
            seconds = []
            for run in range(-1, runs):
                start = time.perf_counter()
                # Keys of their own, since what is known by a key is not computed again.
                graph = {
                    f"{name}-{run}-{task}": (
                        take,
                        *(f"{name}-{run}-{parent}" for parent in parents),
                        *constants,
                    )
                    for task, (parents, constants) in enumerate(tasks)
                }
                actual = client.get(graph, [f"{name}-{run}-{task}" for task in outputs])
                elapsed = time.perf_counter() - start
                if list(actual) != values:
                    raise RuntimeError(f"{name}: the outputs are not those expected")
                if run >= 0:
                    seconds.append(elapsed)
            print(json.dumps({"workload": name, "tasks": len(tasks), "seconds": seconds}), flush=True)


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    main(options["runs"], options["workers"])
