import { join } from 'node:path';

const root = import.meta.dirname;
const common = {
  rootDir: root,
  roots: ['<rootDir>/dist/test'],
  transform: {},
  collectCoverageFrom: ['dist/lib/**/*.js', '!dist/lib/cli/**'],
};

/** All tests on the CPU, and what tests a backend once more on the CUDA backend over the stand-in. */
export default {
  // Many a test waits for processes of its own.
  maxWorkers: '100%',
  testTimeout: 60_000,
  coverageProvider: 'v8',
  coverageDirectory: 'build/coverage',
  coverageReporters: ['text', 'text-summary'],
  projects: [
    {
      ...common,
      displayName: 'cpu',
      testMatch: ['**/*.test.js'],
      testPathIgnorePatterns: ['/dist/test/cuda/', '/dist/test/gpu/'],
    },
    {
      ...common,
      displayName: 'cuda stand-in',
      testMatch: ['**/dist/test/{parity,cuda,gpu}/*.test.js'],
      setupFiles: [join(root, 'test', 'setup-standin.js')],
    },
  ],
};
