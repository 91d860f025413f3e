/** What tests of any package may use: task graphs of known shape. */
export * from './graph/testing/closed-form-graphs.ts';
export * from './graph/testing/graph-from-recipe.ts';
