import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** The tests of a GPU, and the parity tests on it: `npm run test:gpu`. They fail where there is none. */
export default {
  rootDir: root,
  displayName: 'gpu',
  testEnvironment: join(root, 'test', 'environment.cjs'),
  testEnvironmentOptions: {
    variables: { CONVSWEEP_TEST_DEVICE: process.env.CONVSWEEP_TEST_DEVICE || 'cuda' },
  },
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/dist/test/{gpu,parity}/*.test.js'],
  testTimeout: 300_000,
  transform: {},
};
