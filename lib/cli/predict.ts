import type { Command } from 'commander';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { predictedClasses } from '../model/accuracy.js';
import { Model } from '../model/model.js';
import { type ImageOptions, loadSource, requireSelection, selectImages } from './data-source.js';
import { type DeviceOptions, modelOptions } from './device-options.js';
import { withImages } from './evaluate.js';
import { readInputImages } from './image-input.js';
import { integer } from './option-parsers.js';
import { print, printJson } from './terminal.js';

interface PredictOptions extends ImageOptions, DeviceOptions {
  json?: boolean;
}

/** What a model makes of an image. */
interface Prediction {
  predicted: number;
  /** Of the predicted class. */
  probability: number;
  /** Of every class. */
  probabilities: number[];
}

const DEFAULT_COUNT = 10;
const ARGUMENT = '[images...]';

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('classify PNG files, or images of the data set')
    .argument('<model>', 'a Keras .h5 or .keras file')
    .argument(
      ARGUMENT,
      `PNG files of any size ("-": standard input), or positions in the data set, from 0 (default: the first ${DEFAULT_COUNT})`,
    );
  withImages(command).action(async (path: string, images: string[], options: PredictOptions) => {
    const negative = images.find((image) => /^-\d+$/.test(image));
    if (negative !== undefined) {
      throw new ConvsweepError(
        'INVALID_ARGUMENT',
        `${negative} is no position: they count from 0 (write ./${negative} for a file of that name)`,
      );
    }
    const positions = images.filter((image) => /^\d+$/.test(image));
    if (positions.length === images.length) return predictPositions(path, positions, options);
    if (positions.length > 0) {
      throw invalidArgument(
        ARGUMENT,
        'either PNG files or positions (write ./5 for a file named 5)',
        images.join(' '),
      );
    }
    const misplaced = ['data', 'part', 'split', 'seed'].find(
      (name) => command.getOptionValueSource(name) === 'cli',
    );
    if (misplaced !== undefined) {
      throw invalidArgument(`--${misplaced}`, 'positions in the data set', images.join(' '));
    }
    return predictFiles(path, images, options);
  });
}

async function predictFiles(path: string, files: readonly string[], options: PredictOptions): Promise<void> {
  using model = await Model.load(path, modelOptions(options));
  const images = await readInputImages(files, model.inputShape);
  const predictions = predictionsOf(
    model,
    await model.predict(Buffer.concat(images.map(({ pixels }) => pixels))),
  );
  const results = images.map(({ pixels: _, ...image }, i) => ({ ...image, ...predictions[i]! }));
  if (options.json) return printJson(results);
  const width = Math.max('image'.length, ...files.map((file) => file.length));
  print(`${'image'.padEnd(width)}  predicted  probability`);
  for (const { file, predicted, probability, steps } of results) {
    print(
      `${file.padEnd(width)}  ${cells(predicted, probability)}${steps.map((step, i) => (i === 0 ? `  ${step}` : `, ${step}`)).join('')}`,
    );
  }
}

async function predictPositions(
  path: string,
  positions: readonly string[],
  options: PredictOptions,
): Promise<void> {
  requireSelection(options);
  const images = selectImages(await loadSource(options.data), options);
  const chosen =
    positions.length > 0
      ? positions.map(integer(ARGUMENT, 0))
      : Array.from({ length: Math.min(DEFAULT_COUNT, images.size) }, (_, i) => i);
  for (const position of chosen) {
    if (position >= images.size)
      throw invalidArgument(ARGUMENT, `integers from 0 to ${images.size - 1}`, position);
  }
  using model = await Model.load(path, modelOptions(options));
  const subset = images.subset(chosen);
  const labels = subset.labels();
  const predictions = predictionsOf(model, await model.predict(subset));
  const results = chosen.map((position, i) => ({ position, label: labels[i]!, ...predictions[i]! }));
  if (options.json) return printJson(results);
  print('position  label  predicted  probability');
  for (const { position, label, predicted, probability } of results) {
    const mark = predicted === label ? '' : '  wrong';
    print(
      `${String(position).padStart(8)}  ${String(label).padStart(5)}  ${cells(predicted, probability)}${mark}`,
    );
  }
}

/** @param probabilities `n x classes`, row-major */
function predictionsOf(model: Model, probabilities: Float32Array): Prediction[] {
  return Array.from(predictedClasses(probabilities, model.classes), (predicted, i) => {
    const row = [...probabilities.subarray(i * model.classes, (i + 1) * model.classes)];
    return { predicted, probability: row[predicted]!, probabilities: row };
  });
}

function cells(predicted: number, probability: number): string {
  return `${String(predicted).padStart(9)}  ${probability.toFixed(4).padStart(11)}`;
}
