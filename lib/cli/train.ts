import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { loadDigits } from '../data/digits.js';
import type { Shuffle } from '../data/epoch-plan.js';
import { loadIdx } from '../data/idx.js';
import { holdout } from '../data/splits.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { Model } from '../model/model.js';
import { notebookModel } from '../model/notebook.js';
import type { DeviceName, Precision } from '../native.js';
import { settledStartEpoch } from '../sweep/start-epoch.js';
import { earlyStopping } from '../training/early-stopping.js';
import { modelCheckpoint } from '../training/model-checkpoint.js';
import { choice, deviceName, integer, integers, percentage } from './options.js';
import { interruption, note, print, printJson } from './terminal.js';

interface TrainOptions {
  out: string;
  data?: string;
  neurons: number[];
  split: number;
  epochs: number;
  patience: number;
  startFromEpoch?: number;
  batch: number;
  shuffle: Shuffle;
  seed: number;
  device: DeviceName;
  precision: Precision;
  json?: boolean;
}

export function addTrain(program: Command): void {
  program
    .command('train')
    .description("train one of the notebook's models, with early stopping, and keep its best epoch")
    .option('--out <file>', 'where the best epoch is written, a Keras .h5 file', 'model.h5')
    .option('--data <dir>', 'IDX files to read instead of the embedded digits')
    .option('--neurons <a,b,c>', 'widths of the dense layers', integers('--neurons', 3), [100, 60, 100])
    .option(
      '--split <percent>',
      'share of the images to train on; the others validate',
      percentage('--split'),
      60,
    )
    .option('--epochs <n>', 'at most this many', integer('--epochs'), 30)
    .option('--patience <n>', 'epochs without improvement that end training', integer('--patience', 0), 3)
    .option(
      '--start-from-epoch <n>',
      'first epoch looked at (default: chosen, and printed)',
      integer('--start-from-epoch', 0),
    )
    .option('--batch <n>', 'images per optimizer step', integer('--batch'), 128)
    .option('--shuffle <how>', 'batches or samples', choice('--shuffle', ['batches', 'samples']), 'batches')
    .option('--seed <n>', 'of the split, the weights and the order', integer('--seed', 0), 0)
    .option('--device <name>', 'auto, cpu, cuda or cuda:<index>', deviceName, 'auto')
    .option(
      '--precision <name>',
      'auto, fp32 or tf32: of convolutions and matrix products (auto: tf32 on a GPU, as in Keras)',
      choice('--precision', ['auto', 'fp32', 'tf32']),
      'auto',
    )
    .option('--json', 'print JSON')
    .action(train);
}

async function train(options: TrainOptions): Promise<void> {
  const { out, data, split, epochs, patience, batch, shuffle, seed, device, precision, json } = options;
  if (options.startFromEpoch !== undefined && options.startFromEpoch >= epochs) {
    const expected = `an epoch below ${epochs} (the number of epochs)`;
    throw invalidArgument('--start-from-epoch', expected, options.startFromEpoch);
  }
  const images = data === undefined ? await loadDigits() : (await loadIdx(data)).all;
  const sides = holdout(images, { percent: split, seed });
  const start =
    options.startFromEpoch === undefined
      ? settledStartEpoch(sides.train.size, batch, epochs)
      : { epoch: options.startFromEpoch, reason: 'as asked' };
  note(`${images.name}: ${sides.train.size} images train, ${sides.validation.size} validate`);
  note(`Early stopping looks from epoch ${start.epoch + 1} on (${start.reason}).`);

  const checkpoint = modelCheckpoint(out, {
    startFromEpoch: start.epoch,
    verbose: json ? 0 : 1,
  });
  const stopping = earlyStopping({ patience, startFromEpoch: start.epoch });
  makeFolder(dirname(out));
  const { signal, release } = interruption(() => {
    const kept =
      checkpoint.bestEpoch === undefined ? 'no epoch was kept yet' : `${out} is the best epoch so far`;
    note(`\nInterrupted; ${kept}.`);
  });
  try {
    using model = notebookModel(options.neurons as [number, number, number], {
      seed,
      device,
      precision,
      inputShape: images.imageShape,
      classes: images.classes,
    });
    const history = await model.fit(sides.train, {
      epochs,
      batchSize: batch,
      shuffle,
      validationData: sides.validation,
      callbacks: [stopping, checkpoint],
      signal,
      verbose: json ? 0 : process.stdout.isTTY ? 1 : 2,
    });
    if (checkpoint.bestEpoch === undefined) {
      throw new ConvsweepError(
        'NATIVE',
        `Training diverged: val_loss was not a finite number in any epoch from ${start.epoch + 1} on; nothing was written to ${out}`,
      );
    }
    using best = await Model.load(out, { device, precision });
    const { loss, accuracy } = await best.evaluate(sides.validation, { signal });
    if (json) printJson({ model: out, loss, accuracy, startFromEpoch: start, history: history.history });
    else print(`${out}: val_loss ${loss.toFixed(4)}, val_accuracy ${accuracy.toFixed(4)}`);
  } finally {
    release();
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new ConvsweepError('FILE', `Cannot make the folder ${folder}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
