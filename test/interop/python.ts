import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, test } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';

const PYTHON = join(packageRoot(), '.venv', 'interop', 'bin', 'python');
const SETUP = 'sh test/interop/setup.sh';

/** Loading TensorFlow takes a while. */
export const PYTHON_TIMEOUT = 300_000;

/**
 * `describe` for what needs Keras, ONNX and safetensors in Python. Where their environment is missing the tests are
 * skipped, or fail if CONVSWEEP_INTEROP is 1, as in CI.
 */
export function describeWithPython(title: string, body: () => void): void {
  if (existsSync(PYTHON)) {
    describe(title, body);
  } else if (process.env.CONVSWEEP_INTEROP === '1') {
    test(title, () => {
      throw new Error(`${PYTHON} is missing; make it: ${SETUP}`);
    });
  } else {
    describe.skip(`${title} (to run these: ${SETUP})`, body);
  }
}

/** What a script of this folder prints. */
export async function runPython(script: string, args: readonly string[]): Promise<string> {
  const path = join(packageRoot(), 'test', 'interop', script);
  try {
    const { stdout } = await promisify(execFile)(PYTHON, [path, ...args], { timeout: PYTHON_TIMEOUT });
    return stdout;
  } catch (cause) {
    const { stderr } = cause as { stderr: string };
    throw new Error(`${script} failed:\n${stderr.split('\n').slice(-15).join('\n')}`, { cause });
  }
}
