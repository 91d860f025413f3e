import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';

interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

const SETPRIV = 'setpriv';
const OPTIONS = ['--pdeathsig', 'KILL'];
const TRIAL_TIMEOUT_MS = 5_000;

/**
 * The command so that its process is killed when the one that started it is gone. Otherwise an
 * executor whose task never returns to the event loop would outlive a killed execution manager. It is
 * done by `setpriv` of util-linux, in some milliseconds a start; where there is none, or it cannot,
 * the command stays as it is.
 */
export async function endingWithParent(command: Command): Promise<Command> {
  try {
    await access(command.command, constants.X_OK);
    await promisify(execFile)(SETPRIV, [...OPTIONS, 'true'], { timeout: TRIAL_TIMEOUT_MS });
  } catch {
    return command;
  }
  return { command: SETPRIV, args: [...OPTIONS, command.command, ...command.args] };
}
