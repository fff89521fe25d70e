import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../package.js';

/** Runs a script of this package with `args` in place of this process: the exit code is the script's. */
export async function runScript(name: string, ...args: string[]): Promise<void> {
  const script = join(packageRoot(), 'scripts', name);
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}
