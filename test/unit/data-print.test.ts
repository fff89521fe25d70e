import { describe, expect, test } from '@jest/globals';
import { Dataset } from '../../lib/data/dataset.js';
import { datasetInfo } from '../../lib/data/dataset-info.js';
import { renderDigit } from '../../lib/data/render-digit.js';

const grey = Dataset.from({
  images: Uint8Array.of(9, 9, 9, 9, 9, 9, 0, 255, 0, 51, 52, 102),
  labels: Uint8Array.of(0, 3),
  height: 2,
  width: 3,
  name: 'grey',
});

test('datasetInfo prints as tensorflow_datasets does', () => {
  expect(datasetInfo("someone's", { train: grey, test: grey.subset([1]) })).toBe(`DatasetInfo(
    name='someone\\'s',
    features=FeaturesDict({
        'image': Image(shape=(2, 3, 1), dtype=uint8),
        'label': ClassLabel(shape=(), dtype=uint8, num_classes=4),
    }),
    supervised_keys=('image', 'label'),
    splits={
        'test': <SplitInfo num_examples=1>,
        'train': <SplitInfo num_examples=2>,
    },
)`);
});

describe('renderDigit', () => {
  test('draws two characters a pixel, in shades of ink', () => {
    expect(renderDigit(grey, 1)).toBe(['grey, image 1, label 3', '  ██', '  ░░░░'].join('\n'));
  });

  test('draws with ASCII where asked', () => {
    expect(renderDigit(grey, 1, { ascii: true })).toBe(
      ['grey, image 1, label 3', '  @@', '..::--'].join('\n'),
    );
  });

  test('draws the image at a position of a subset', () => {
    expect(renderDigit(grey.subset([1, 0]), 0)).toBe(renderDigit(grey, 1).replace('image 1', 'image 0'));
  });

  test('averages channels', () => {
    const colour = Dataset.from({
      images: Uint8Array.of(255, 255, 255, 255, 0, 0),
      labels: Uint8Array.of(0),
      height: 1,
      width: 2,
      channels: 3,
    });
    expect(renderDigit(colour, 0)).toBe('custom, image 0, label 0\n██░░');
  });

  test('refuses a position outside', () => {
    expect(() => renderDigit(grey, 2)).toThrow('Expected an integer from 0 to 1 for position but received 2');
  });
});
