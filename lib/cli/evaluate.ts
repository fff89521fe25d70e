import type { Command } from 'commander';
import { Model } from '../model/model.js';
import type { DeviceName } from '../native.js';
import {
  classificationReport,
  confusionMatrix,
  formatClassificationReport,
  formatConfusionMatrix,
} from '../report/evaluation.js';
import { predictedClasses } from '../sweep/accuracy.js';
import { type ImageOptions, PARTS, selectImages } from './data-source.js';
import { choice, deviceName, integer, percentage } from './options.js';
import { interruption, note, print, printJson } from './terminal.js';

interface EvaluateOptions extends ImageOptions {
  device: DeviceName;
  json?: boolean;
}

/** Adds the options that choose images to `command`. */
export function withImages(command: Command): Command {
  return command
    .option('--data <dir>', 'IDX files to read instead of the embedded digits')
    .option(
      '--part <part>',
      'all, train, test or validation (default: what the model has not seen)',
      choice('--part', PARTS),
    )
    .option(
      '--split <percent>',
      "the sweep's holdout split that the model was trained on",
      percentage('--split'),
    )
    .option('--seed <n>', 'the seed of that split', integer('--seed', 0), 0)
    .option('--device <name>', 'auto, cpu, cuda or cuda:<index>', deviceName, 'auto')
    .option('--json', 'print JSON');
}

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('loss, accuracy, confusion matrix and classification report of a model')
    .argument('<model>', 'a Keras .h5 file');
  withImages(command).action(async (path: string, options: EvaluateOptions) => {
    const images = await selectImages(options);
    if (options.data === undefined && options.split === undefined) {
      note(
        'These are all embedded digits, the ones that the model was trained on among them; --split leaves those out.',
      );
    }
    const { signal, release } = interruption(() => note('Interrupted.'));
    try {
      using model = await Model.load(path, { device: options.device });
      const { loss, accuracy } = await model.evaluate(images, { signal });
      const probabilities = await model.predict(images, { signal });
      const matrix = confusionMatrix(
        images.labels(),
        predictedClasses(probabilities, model.classes),
        model.classes,
      );
      const report = classificationReport(matrix);
      if (options.json) {
        printJson({ model: path, images: images.size, loss, accuracy, confusionMatrix: matrix, report });
      } else {
        print(
          `${images.name}: ${images.size} images\nloss: ${loss.toFixed(4)} - accuracy: ${accuracy.toFixed(4)}\n`,
        );
        print(`${formatConfusionMatrix(matrix)}\n`);
        print(formatClassificationReport(report));
      }
    } finally {
      release();
    }
  });
}
