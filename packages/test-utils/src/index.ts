export { evaluateGraph, type TaskFunction } from './evaluate-graph.ts';
export { descendantProcesses, type LeftoverProcess, processesNaming } from './leak-check.ts';
export {
  mariadbMissing,
  type PrivateMariadb,
  type PrivateMariadbOptions,
  startPrivateMariadb,
} from './private-mariadb.ts';
export {
  type GaleraNode,
  galeraMissing,
  type PrivateGalera,
  type PrivateGaleraOptions,
  startPrivateGalera,
} from './private-galera.ts';
