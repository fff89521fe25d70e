import { describe, expect, test } from '@jest/globals';
import { trialLine } from '../../lib/cli/trial-line.js';
import { wrapText } from '../../lib/cli/wrap-text.js';
import { divergedTrial, sweepConfig, trialRecords } from './report-fixture.js';

const record = trialRecords(sweepConfig())[2]!;

describe('trialLine', () => {
  test.each([
    [
      Number.POSITIVE_INFINITY,
      '[ 3/81] 60% (8, 16, 8): accuracy 0.9900 (epoch 3 of 4, 10.0 s, 1,235 images/s)',
    ],
    [79, '[ 3/81] 60% (8, 16, 8): accuracy 0.9900 (epoch 3 of 4, 10.0 s, 1,235 images/s)'],
    [78, '[ 3/81] 60% (8, 16, 8): accuracy 0.9900 (epoch 3 of 4, 10.0 s)'],
    [60, '[ 3/81] 60% (8, 16, 8): accuracy 0.9900 (epoch 3 of 4)'],
    [40, '[ 3/81] 60% (8, 16, 8): accuracy 0.9900'],
    [10, '[ 3/81] 60% (8, 16, 8): accuracy 0.9900'],
  ])('in %d columns leaves out what does not fit', (columns, line) => {
    expect(trialLine(record, 81, columns)).toBe(line);
  });

  test('has the accuracy on unseen images, and none of a trial that diverged', () => {
    expect(trialLine({ ...record, unseenAccuracy: 0.5 }, 9, 60)).toBe(
      '[3/9] 60% (8, 16, 8): accuracy 0.9900, unseen 0.5000',
    );
    expect(trialLine(divergedTrial(record), 9, 100)).toBe(
      '[3/9] 60% (8, 16, 8): diverged (4 epochs, 10.0 s, 1,235 images/s)',
    );
  });
});

describe('wrapText', () => {
  test('breaks at spaces, and words that are too long', () => {
    expect(wrapText('a bb ccc dddd', 6)).toBe('a bb\nccc\ndddd');
    expect(wrapText('/a/long/path is gone', 6)).toBe('/a/lo\nng/pa\nth is\ngone');
    expect(wrapText('one\ntwo three', 7)).toBe('one\ntwo\nthree');
    expect(wrapText('one two', Number.POSITIVE_INFINITY)).toBe('one two');
    expect(wrapText('ab', 1)).toBe('a\nb');
  });
});
