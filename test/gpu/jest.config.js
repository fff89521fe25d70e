import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** The tests of a GPU, and the parity tests on it, for scripts/test-gpu.mjs. They fail where there is none. */
export default {
  rootDir: root,
  displayName: 'gpu',
  setupFiles: [join(root, 'test', 'gpu', 'setup.js')],
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/dist/test/{gpu,parity}/*.test.js'],
  testTimeout: 300_000,
  transform: {},
};
