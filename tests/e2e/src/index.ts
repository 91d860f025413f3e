export { runProcess, type FinishedProcess, startProcess } from './run-process.ts';
export { repositoryPath } from './repository-path.ts';
