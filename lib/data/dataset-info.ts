import type { Dataset } from './dataset.js';

/**
 * A data set in the manner in which tensorflow_datasets prints a `DatasetInfo`: its features and the number of
 * examples of each split, sorted by name.
 * @param name of the data set as a whole
 * @param splits at least one, all of one image size
 */
export function datasetInfo(name: string, splits: Readonly<Record<string, Dataset>>): string {
  const sorted = Object.entries(splits).sort(([a], [b]) => (a < b ? -1 : 1));
  const { imageShape, classes } = sorted[0]![1];
  return [
    'DatasetInfo(',
    `    name=${quote(name)},`,
    '    features=FeaturesDict({',
    `        'image': Image(shape=(${imageShape.join(', ')}), dtype=uint8),`,
    `        'label': ClassLabel(shape=(), dtype=uint8, num_classes=${classes}),`,
    '    }),',
    "    supervised_keys=('image', 'label'),",
    '    splits={',
    ...sorted.map(([split, dataset]) => `        ${quote(split)}: <SplitInfo num_examples=${dataset.size}>,`),
    '    },',
    ')',
  ].join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
