import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a script of this folder in a process of its own, and returns what it gave to {@link report}. */
export async function runWorker<T>(script: string, environment: NodeJS.ProcessEnv = {}): Promise<T> {
  const path = join(import.meta.dirname, `${script}.js`);
  const { stdout } = await execute(process.execPath, [path], { env: { ...process.env, ...environment } });
  return JSON.parse(stdout) as T;
}

/** Hands `value` to {@link runWorker}. JSON would make null of NaN, which is below any limit; a string is not. */
export function report(value: unknown): void {
  process.stdout.write(
    JSON.stringify(value, (_, item) =>
      typeof item === 'number' && !Number.isFinite(item) ? String(item) : item,
    ),
  );
}
