import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';
import { runNode } from '../system/run-node.js';

test('wrong calls of the CUDA addon throw errors that name what is wrong too', async () => {
  const script = join(packageRoot(), 'dist', 'test', 'faults', 'boundary.js');
  const ended = await runNode([script, process.env.CONVSWEEP_CUDA_ADDON!]);
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(ended.stdout).toMatch(/\n\d{3} wrong calls, 0 failures, alive\n$/);
});
