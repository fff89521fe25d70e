import { describe, expect, test } from '@jest/globals';
import { Dataset } from '../../lib/data/dataset.js';
import { configDifferences, type SweepConfig } from '../../lib/sweep/config.js';
import { resolveSweepOptions, type SweepOptions } from '../../lib/sweep/options.js';
import { type Protocol, protocolSplits } from '../../lib/sweep/protocol.js';

const data = Dataset.from({ images: new Uint8Array(4), labels: Uint8Array.of(0, 1), height: 1, width: 2 });
const other = Dataset.from({ images: new Uint8Array(4), labels: Uint8Array.of(0, 1), height: 2, width: 1 });
const split = { name: '60%', train: data, validation: data };
const valid: SweepOptions = { out: 'runs/test', splits: [split] };

describe('resolveSweepOptions', () => {
  test('has the defaults of the notebook', () => {
    const { points, build, ...settings } = resolveSweepOptions(valid);
    expect(points).toHaveLength(27);
    expect(build).toBeInstanceOf(Function);
    expect(settings).toMatchObject({
      epochs: 30,
      patience: 3,
      batchSize: 128,
      shuffle: 'batches',
      seed: 0,
      device: 'auto',
      precision: 'auto',
      jobs: undefined,
      threads: undefined,
      total: 27,
      resume: false,
    });
  });

  test('limit takes the first trials, and no more than there are', () => {
    expect(resolveSweepOptions({ ...valid, limit: 2 }).total).toBe(2);
    expect(resolveSweepOptions({ ...valid, limit: 99 }).total).toBe(27);
  });

  test.each<[object, string, RegExp]>([
    [{ neurons: [60] }, 'INVALID_ARGUMENT', /Unknown option neurons for sweep/],
    [{ epoch: 3 }, 'INVALID_ARGUMENT', /did you mean epochs\?/],
    [{ threads: 1.5 }, 'INVALID_ARGUMENT', /Expected a positive integer for threads but received 1.5/],
    [{ out: '' }, 'INVALID_ARGUMENT', /Expected the path of a folder for out but received ""/],
    [{ splits: [] }, 'INVALID_ARGUMENT', /a non-empty array of { name, train, validation } for splits/],
    [{ splits: [undefined] }, 'INVALID_ARGUMENT', /{ name, train, validation } for splits\[0\]/],
    [{ splits: [{ ...split, name: '' }] }, 'INVALID_ARGUMENT', /splits\[0\].name/],
    [
      { splits: [split, split] },
      'INVALID_ARGUMENT',
      /distinct names for splits\[1\].name but received "60%"/,
    ],
    [{ splits: [{ ...split, train: [] }] }, 'INVALID_ARGUMENT', /Expected a Dataset for splits\[0\].train/],
    [
      { splits: [{ ...split, unseen: data.subset([]) }] },
      'INVALID_ARGUMENT',
      /at least one image for splits\[0\].unseen/,
    ],
    [
      { splits: [split, { name: 'b', train: data, validation: other }] },
      'SHAPE_MISMATCH',
      /of 1 x 2 x 1 x 2 \(as in splits\[0\].train\) for splits\[1\].validation but received 2 x 1 x 1 x 2/,
    ],
    [
      { grid: { a: [1] } },
      'INVALID_ARGUMENT',
      /Expected a function that returns layers for your grid for build/,
    ],
    [
      { build: 'model' },
      'INVALID_ARGUMENT',
      /Expected a function that returns layers for build but received "model"/,
    ],
    [{ epochs: 0 }, 'INVALID_ARGUMENT', /epochs but received 0/],
    [{ patience: -1 }, 'INVALID_ARGUMENT', /patience but received -1/],
    [{ batchSize: 0.5 }, 'INVALID_ARGUMENT', /batchSize but received 0.5/],
    [{ seed: -1 }, 'INVALID_ARGUMENT', /seed but received -1/],
    [{ jobs: 0 }, 'INVALID_ARGUMENT', /jobs but received 0/],
    [{ limit: 0 }, 'INVALID_ARGUMENT', /limit but received 0/],
    [{ shuffle: 'all' }, 'INVALID_ARGUMENT', /shuffle but received "all"/],
    [
      { epochs: 4, startFromEpoch: 4 },
      'INVALID_ARGUMENT',
      /Expected an epoch below 4 .* for startFromEpoch but received 4/,
    ],
  ])('refuses %#: %j', (change, code, message) => {
    const resolve = () => resolveSweepOptions({ ...valid, ...change } as SweepOptions);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(expect.objectContaining({ code }));
  });
});

describe('configDifferences', () => {
  const config: SweepConfig = {
    splits: [
      {
        name: '60%',
        data: 'digits',
        train: 6,
        validation: 4,
        startFromEpoch: { epoch: 6, reason: 'given' },
        sha256: 'aa',
      },
    ],
    grid: { neuron_counts: [[60, 60, 60]] },
    trials: 1,
    epochs: 30,
    patience: 3,
    batchSize: 128,
    shuffle: 'batches',
    seed: 1,
    device: 'cpu',
    precision: 'fp32',
    modelsSha256: 'bb',
    engine: { version: '0.1.0', backend: 'cpu', compiler: 'GNU', instructionSet: 'avx2' },
    versions: { convsweep: '0.1.0', node: '20.0.0' },
  };

  test('there are none after writing and reading, nor for another Node.js', () => {
    const read = JSON.parse(JSON.stringify(config)) as SweepConfig;
    expect(configDifferences(read, { ...config, versions: { ...config.versions, node: '22.0.0' } })).toEqual(
      [],
    );
  });

  test('names each value that differs, is missing, or is new', () => {
    const now: SweepConfig = {
      ...config,
      splits: [
        ...config.splits.map((one) => ({ ...one, sha256: 'cc' })),
        { ...config.splits[0]!, name: '70%' },
      ],
      grid: { neuron_counts: [[60, 60, 80]] },
      epochs: 20,
      engine: { version: '0.1.0', backend: 'cpu', compiler: 'GNU' },
    };
    const differences = configDifferences(config, now);
    expect(differences).toEqual(
      expect.arrayContaining([
        'splits[0].sha256: "aa" there, "cc" now',
        'splits[1].name: nothing there, "70%" now',
        'grid.neuron_counts: [[60,60,60]] there, [[60,60,80]] now',
        'epochs: 30 there, 20 now',
        'engine.instructionSet: "avx2" there, nothing now',
      ]),
    );
    expect(differences.filter((line) => !line.startsWith('splits[1]'))).toHaveLength(4);
  });
});

test('protocolSplits refuses another protocol', () => {
  expect(() => protocolSplits(data, 'leaky' as Protocol, [50], 1)).toThrow(
    'Expected "holdout" or "notebook" for protocol but received "leaky"',
  );
});
