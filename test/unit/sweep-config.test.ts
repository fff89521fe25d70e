import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../lib/sweep/stored-config.js';
import { sweepConfig } from './report-fixture.js';

const config = sweepConfig();
const [first, second] = config.splits as [object, object];
const nested = '['.repeat(200_000) + ']'.repeat(200_000);

describe('parseConfig', () => {
  test('gives what was written', () => {
    expect(parseConfig(JSON.stringify(config, null, 2), 'config.json')).toEqual(config);
  });

  const damaged: [what: string, text: string | object, reason: string][] = [
    ['nothing in it', '', 'Unexpected end of JSON input'],
    ['null', 'null', 'Expected an object for the configuration but received null'],
    ['a list', '[]', 'Expected an object for the configuration but received the array []'],
    ['a deep list', nested, 'Expected an object for the configuration but received an array of length 1'],
    ['no seed', { ...config, seed: undefined }, 'Expected a value for seed of the configuration'],
    ['another field', { ...config, more: 1 }, 'but received "more"'],
    ['another prototype', `{"__proto__":1,${JSON.stringify(config).slice(1)}`, 'but received "__proto__"'],
    [
      'a word for a number',
      { ...config, trials: '5' },
      'Expected a positive integer for trials but received "5"',
    ],
    ['fewer trials than one', { ...config, trials: -4 }, 'for trials but received -4'],
    ['more trials than there are', { ...config, trials: 17 }, 'at most 16, which the grid has, for trials'],
    ['no epochs', { ...config, epochs: 0 }, 'for epochs but received 0'],
    ['a negative patience', { ...config, patience: -1 }, 'for patience but received -1'],
    ['half a batch', { ...config, batchSize: 0.5 }, 'for batchSize but received 0.5'],
    ['another shuffle', { ...config, shuffle: 'all' }, 'for shuffle but received "all"'],
    ['another precision', { ...config, precision: 'auto' }, '"fp32" or "tf32" for precision'],
    ['no device', { ...config, device: '' }, 'Expected a text for device'],
    ['no checksum', { ...config, modelsSha256: 'b' }, 'for modelsSha256 but received "b"'],
    ['no splits', { ...config, splits: [] }, 'for splits'],
    ['an object for the splits', { ...config, splits: {} }, 'for splits'],
    ['a split of null', { ...config, splits: [null] }, 'Expected an object for splits[0] but received null'],
    ['two splits of one name', { ...config, splits: [first, first] }, 'distinct names for splits[1].name'],
    ['a split without images', withSplit({ train: 0 }), 'for splits[0].train but received 0'],
    [
      'a split that is looked at too late',
      withSplit({ startFromEpoch: { epoch: 5, reason: 'given' } }),
      'below 5',
    ],
    ['a start without a reason', withSplit({ startFromEpoch: { epoch: 1 } }), 'Expected a value for reason'],
    ['a split of another content', withSplit({ sha256: 5 }), 'for splits[0].sha256'],
    ['no grid', { ...config, grid: null }, 'for grid but received null'],
    ['an empty grid', { ...config, grid: {} }, 'at least one hyperparameter for grid'],
    ['a value for values', { ...config, grid: { a: 1 } }, 'a non-empty array of values for grid.a'],
    ['an object for a value', { ...config, grid: { a: [{}] } }, 'for grid.a[0] but received'],
    [
      'a deep grid',
      JSON.stringify({ ...config, grid: { a: '?' } }).replace('"?"', nested),
      'within at most 16',
    ],
    ['a grid without end', { ...config, grid: hugeGrid() }, 'at most 1000000 combinations for grid'],
    ['no engine', { ...config, engine: null }, 'Expected an object for engine'],
    ['a number for a version', { ...config, versions: { convsweep: 1, node: '20' } }, 'a text for convsweep'],
  ];
  function withSplit(changes: object): object {
    return { ...config, splits: [{ ...first, ...changes }, second] };
  }
  function hugeGrid(): object {
    return Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`p${i}`, [1, 2, 3, 4, 5, 6, 7, 8, 9]]));
  }

  test.each(damaged)('a file with %s is an error', (_what, content, reason) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    const parse = () => parseConfig(text, 'runs/a/config.json');
    expect(parse).toThrow("Expected a sweep's configuration in runs/a/config.json, but: ");
    expect(parse).toThrow(reason);
    expect(parse).toThrow('it is damaged; restore it, or begin the sweep anew in another folder');
    expect(parse).toThrow(expect.objectContaining({ code: 'INVALID_DATA' }));
  });
});
