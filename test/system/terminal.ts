import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';
import { commandLine, runProgram } from './run-node.js';

/** What becomes of a command's terminal, see terminal.py. */
export type Fate = 'STAY' | 'DETACH' | 'HANGUP';

/** How a command on a terminal ended; `signal`: the number of the one that killed it. */
export interface TerminalEnd {
  output: string;
  code: number | null;
  signal: number | null;
}

const hasPython = process.platform !== 'win32' && spawnSync('python3', ['--version']).status === 0;

/** `describe` for what needs a terminal, which Python makes; skipped where there is none. */
export function describeWithTerminal(title: string, body: () => void): void {
  if (hasPython) describe(title, body);
  else describe.skip(`${title} (to run these: install python3)`, body);
}

/**
 * Runs the command line on a terminal.
 * @param text with which the terminal meets its fate
 */
export async function runOnTerminal(
  args: readonly string[],
  { columns = 80, fate = 'STAY', text = '' }: { columns?: number; fate?: Fate; text?: string },
): Promise<TerminalEnd> {
  const driver = join(packageRoot(), 'test', 'system', 'terminal.py');
  const command = [driver, String(columns), fate, text, process.execPath, commandLine(), ...args];
  const { code, stdout, stderr } = await runProgram('python3', command);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
