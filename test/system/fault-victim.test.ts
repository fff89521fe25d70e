import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Reference, Victim } from '../faults/victim.js';
import { runNode } from './run-node.js';

describe('the sweep that is attacked', () => {
  let reference: Reference;
  let victim: Victim;
  beforeAll(async () => {
    reference = await Victim.reference('states');
  });
  beforeEach(() => {
    victim = new Victim(reference);
  });
  afterEach(() => victim.remove());

  /** Kills it when it has trained so many epochs of its second trial. */
  const killAfter = (epochs: number) =>
    victim.run({
      onOutput: (text, child) =>
        void (text.includes(`trial 2 has ${epochs} epochs`) && child.kill('SIGKILL')),
    });

  test('has no faults when it was killed and all is well', async () => {
    expect((await killAfter(2)).signal).toBe('SIGKILL');
    expect(victim.faultsOfFiles()).toEqual([]);
    expect(await victim.faultsAfterResume()).toEqual([]);
  });

  test('has one when the journal is thrown away, although every result is there in the end', async () => {
    await killAfter(2);
    victim.faultsOfFiles();
    writeFileSync(join(victim.out, 'journal.jsonl'), '');
    expect(await victim.faultsAfterResume()).toContain('journal.jsonl has lost what it had');
  });

  test('has one when the state of a trial is thrown away', async () => {
    await killAfter(4);
    rmSync(join(victim.out, 'models', '.trial_2.state'), { force: true });
    expect(await victim.faultsAfterResume()).toEqual([
      expect.stringMatching(/^trial 2 goes on after 0 epochs of \d$/),
    ]);
  });

  test('has one for a file that is missing and one for a file that is left', async () => {
    const other = new Victim({
      ...reference,
      files: new Map(reference.files).set('report.html', Buffer.of()),
    });
    await other.run();
    writeFileSync(join(other.out, 'left'), '');
    const faults = await other.faultsAfterResume();
    other.remove();
    expect(faults).toEqual(['report.html is missing', 'left is left']);
  });
});

test('a program that does not end is an error, not one that was killed', async () => {
  const hanging = runNode(['-e', 'setInterval(() => {}, 1000); console.log("here")'], { limit: 500 });
  await expect(hanging).rejects.toThrow('did not end in 500 ms');
});
