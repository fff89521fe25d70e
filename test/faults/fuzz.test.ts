import { describe, expect, test } from '@jest/globals';
import { fuzzReader } from './fuzz-reader.js';
import { TARGETS } from './fuzzed-readers.js';

// The short form of `node dist/test/faults/fuzz.js`.
describe('damaged files are read right or refused', () => {
  test.each(Object.keys(TARGETS))('%s', async (name) => {
    const { loaded, findings } = await fuzzReader(name, 2000, 1);
    expect(findings).toEqual([]);
    // Some damage changes nothing, or nothing that can be told.
    expect(loaded).toBeGreaterThan(0);
  });
});
