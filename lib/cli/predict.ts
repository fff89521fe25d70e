import type { Command } from 'commander';
import { invalidArgument } from '../errors.js';
import { Model } from '../model/model.js';
import type { DeviceName } from '../native.js';
import { type ImageOptions, selectImages } from './data-source.js';
import { withImages } from './evaluate.js';
import { integer } from './options.js';
import { print, printJson } from './terminal.js';

interface PredictOptions extends ImageOptions {
  device: DeviceName;
  json?: boolean;
}

const DEFAULT_COUNT = 10;

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('classify images of the data set')
    .argument('<model>', 'a Keras .h5 file')
    .argument('[positions...]', `which images, from 0 (default: the first ${DEFAULT_COUNT})`);
  withImages(command).action(async (path: string, positions: string[], options: PredictOptions) => {
    const images = await selectImages(options);
    const chosen =
      positions.length > 0
        ? positions.map(integer('[positions...]', 0))
        : Array.from({ length: Math.min(DEFAULT_COUNT, images.size) }, (_, i) => i);
    for (const position of chosen) {
      if (position >= images.size) {
        throw invalidArgument('[positions...]', `integers from 0 to ${images.size - 1}`, position);
      }
    }
    using model = await Model.load(path, { device: options.device });
    const subset = images.subset(chosen);
    const probabilities = await model.predict(subset);
    const labels = subset.labels();
    const results = chosen.map((position, i) => {
      const row = [...probabilities.subarray(i * model.classes, (i + 1) * model.classes)];
      const predicted = row.indexOf(Math.max(...row));
      return { position, label: labels[i]!, predicted, probability: row[predicted]!, probabilities: row };
    });
    if (options.json) return printJson(results);
    print('position  label  predicted  probability');
    for (const { position, label, predicted, probability } of results) {
      const mark = predicted === label ? '' : '  wrong';
      print(
        `${String(position).padStart(8)}  ${String(label).padStart(5)}  ${String(predicted).padStart(9)}  ${probability.toFixed(4).padStart(11)}${mark}`,
      );
    }
  });
}
