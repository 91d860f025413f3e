const SCRIPT = /\.[cm]?[jt]s$/;

/** How an executor's program is started: a script by the Node that runs us, others by themselves. */
export function executorCommand(
  binPath: string,
  nodePath: string,
): { readonly command: string; readonly args: readonly string[] } {
  return SCRIPT.test(binPath)
    ? { command: nodePath, args: [binPath] }
    : { command: binPath, args: [] };
}
