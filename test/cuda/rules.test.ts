import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

/** Built beside the stand-in's addon: breaks each of its rules once. */
const program = join(dirname(process.env.CONVSWEEP_CUDA_ADDON!), 'standin_rules');
const lines = execFileSync(program, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  .trimEnd()
  .split('\n')
  .map((line) => /^(ok|missed) (.*)$/.exec(line)!);

describe('the stand-in notices', () => {
  test.each(lines.map(([, outcome, name]) => ({ outcome, name })))('$name', ({ outcome }) => {
    expect(outcome).toBe('ok');
  });

  test('all of them', () => {
    expect(lines.length).toBe(46);
  });
});
