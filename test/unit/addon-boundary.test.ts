import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';
import { runNode } from '../system/run-node.js';

test('every wrong call of the addon throws an error that names what is wrong, and none ends the process', async () => {
  const script = join(packageRoot(), 'dist', 'test', 'faults', 'boundary.js');
  const addon = join(packageRoot(), 'build', 'Release', 'convsweep_cpu.node');
  const ended = await runNode([script, addon]);
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(ended.stdout).toMatch(/\n\d{3} wrong calls, 0 failures, alive\n$/);
});
