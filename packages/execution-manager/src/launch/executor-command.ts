const SCRIPT = /\.[cm]?[jt]s$/;

/**
 * How an executor's program is started: a script by the Node that runs us, others by themselves.
 *
 * @param nodeFlags what Node is told if it runs it.
 */
export function executorCommand(
  binPath: string,
  nodePath: string,
  nodeFlags: readonly string[] = [],
): { readonly command: string; readonly args: readonly string[] } {
  return SCRIPT.test(binPath)
    ? { command: nodePath, args: [...nodeFlags, binPath] }
    : { command: binPath, args: [] };
}
