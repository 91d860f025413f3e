import { Command, Option } from 'commander';
import { readGraphFile, readJobFile } from '../inputs/read-job-file.ts';
import { drawGraph, GRAPH_FORMATS, type GraphFormat } from '../output/draw-graph.ts';

/** `spider graph FILE`: a task graph, drawn. */
export function graphCommand(): Command {
  return new Command('graph')
    .exitOverride()
    .description('Draws the task graph of a file.')
    .argument('<file>', 'a task graph in JSON, or a module that exports job and inputs')
    .addOption(
      new Option('--format <name>', 'text, or what Mermaid or Graphviz draw')
        .choices(GRAPH_FORMATS)
        .default('text'),
    )
    .action(async (file: string, { format }: { readonly format: GraphFormat }) => {
      const graph = file.endsWith('.json')
        ? await readGraphFile(file)
        : (await readJobFile(file, [])).graph;
      process.stdout.write(`${drawGraph(graph, format)}\n`);
    });
}
