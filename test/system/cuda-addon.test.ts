import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { BackendStatus } from '../../lib/native/loading.js';
import { packageRoot } from '../../lib/package.js';
import { runScript } from './run-node.js';

const build = join(packageRoot(), 'build');
const addon = join(build, 'Release', 'convsweep_cuda.node');
const { missing } = JSON.parse(readFileSync(join(build, 'cuda.json'), 'utf8')) as { missing: string };

describe('the CUDA addon', () => {
  test('is built exactly where nvcc, cuDNN and cuBLAS are; else the build says what is missing and the remedy', () => {
    expect(existsSync(addon)).toBe(missing === '');
    if (missing !== '') expect(missing).toMatch(/npx convsweep setup-cuda|CUDA_HOME=|CONVSWEEP_CUDA=OFF/);
  });

  test('loads, and has usable GPUs or says why not and the remedy', async () => {
    const script = 'console.log(JSON.stringify(convsweep.backends()))';
    const { code, stdout } = await runScript(script, { env: { CONVSWEEP_CUDA_ADDON: '' } });
    expect(code).toBe(0);
    const [cuda] = JSON.parse(stdout) as BackendStatus[];
    expect(cuda).toMatchObject({ backend: 'cuda', available: cuda!.devices.length > 0 });
    const remedies =
      missing === '' ? /nvidia-smi|update the driver|npx convsweep setup-cuda/ : /npm run build:native/;
    if (!cuda!.available) expect(cuda!.reason).toMatch(remedies);
  });
});
