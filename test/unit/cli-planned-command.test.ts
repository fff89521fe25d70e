import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadSource } from '../../lib/cli/data-source.js';
import { type PlannedOption, readPlan } from '../../lib/cli/planned-command.js';
import { type SweepCommandOptions, sweepOptions } from '../../lib/cli/sweep.js';
import { planSweep } from '../../lib/sweep/plan-sweep.js';
import { protocolSplits } from '../../lib/sweep/protocol.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-planned-command-'));
  for (const [half, count] of [
    ['train', 60],
    ['test', 20],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    const images = Uint8Array.from({ length: count * 28 * 28 }, (_, i) => i % 251);
    await writeFile(join(folder, `${half}-labels-idx1-ubyte`), idx([count], labels));
    await writeFile(join(folder, `${half}-images-idx3-ubyte`), idx([count, 28, 28], images));
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function idx(shape: number[], data: Uint8Array): Buffer {
  const header = [0x800 + shape.length, ...shape].map((value) => {
    const word = Buffer.alloc(4);
    word.writeUInt32BE(value);
    return word;
  });
  return Buffer.concat([...header, data]);
}

test('a plan stands for every option that it was made with, none of them at its default', async () => {
  const given = {
    data: folder,
    protocol: 'notebook',
    splits: [50, 62.5],
    neurons: [8, 4],
    epochs: 7,
    patience: 1,
    startFromEpoch: 2,
    batch: 15,
    shuffle: 'samples',
    seed: 3,
    limit: 5,
  } satisfies Required<Pick<SweepCommandOptions, PlannedOption>>;
  const out = join(folder, 'plan');
  const splits = protocolSplits(await loadSource(folder), given.protocol, given.splits, given.seed);
  const config = await planSweep(sweepOptions({ ...given, device: 'cpu', precision: 'auto' }, out, splits));

  const plan = await readPlan(out, folder);
  expect(plan).toMatchObject({ config, options: given });
  const names = Object.keys(given);
  expect(names.filter((name) => plan.command.getOptionValueSource(name) !== 'cli')).toEqual([]);
  expect(plan.splits).toEqual(splits);
});
