export { type CodeBlock, codeBlocks } from './code-blocks.ts';
export { compile, type CompilerError } from './compile.ts';
export { repositoryPath } from './repository-path.ts';
export { runTool } from './run-tool.ts';
export { type MappedTest, type MapRow, readTestMap } from './test-map.ts';
export { typeTable, type TypeRow } from './type-table.ts';
export { readWrongPrograms, type Refusal, type WrongProgram } from './wrong-programs.ts';
