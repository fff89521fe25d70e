import { dirname, extname } from 'node:path';
import { type Command, Option } from 'commander';
import { holdout } from '../data/splits.js';
import { allImages } from '../data/train-test.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { makeFolder } from '../files.js';
import { Model } from '../model/model.js';
import { notebookModel } from '../model/notebook.js';
import { earlyStopping } from '../training/early-stopping.js';
import { modelCheckpoint } from '../training/model-checkpoint.js';
import { settledStartEpoch } from '../training/start-epoch.js';
import { dataOption } from './data-option.js';
import { loadSource } from './data-source.js';
import { type DeviceOptions, modelOptions, withDevice } from './device-options.js';
import { integers, percentage } from './option-parsers.js';
import { interruption, note, printJson, tell } from './terminal.js';
import { startEpochText, type TrainingOptions, withTraining } from './training-options.js';

interface TrainOptions extends TrainingOptions, DeviceOptions {
  out: string;
  data?: string;
  neurons: number[];
  split: number;
  json?: boolean;
}

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description("train one of the notebook's models, with early stopping, and keep its best epoch")
    .option('--out <file>', 'where the best epoch is written, a Keras .h5 file', h5File, 'model.h5')
    .addOption(dataOption())
    .addOption(
      new Option('--neurons <a,b,c>', 'widths of the dense layers')
        .argParser(integers('--neurons', 3))
        .default([100, 60, 100], '100,60,100'),
    )
    .option(
      '--split <percent>',
      'share of the images to train on; the others validate',
      percentage('--split'),
      60,
    );
  withDevice(withTraining(command)).option('--json', 'print JSON').action(train);
}

async function train(options: TrainOptions): Promise<void> {
  const { out, data, split, epochs, patience, batch, shuffle, seed, json } = options;
  const images = allImages(await loadSource(data));
  const sides = holdout(images, { percent: split, seed });
  const start =
    options.startFromEpoch === undefined
      ? settledStartEpoch(sides.train.size, batch, epochs)
      : { epoch: options.startFromEpoch, reason: 'given' };
  note(`${images.name}: ${sides.train.size} images train, ${sides.validation.size} validate`);
  note(startEpochText(start));

  const checkpoint = modelCheckpoint(out, {
    startFromEpoch: start.epoch,
    verbose: json ? 0 : 1,
  });
  const stopping = earlyStopping({ patience, startFromEpoch: start.epoch });
  await makeFolder(dirname(out));
  const { signal, release } = interruption(() => {
    const kept =
      checkpoint.bestEpoch === undefined ? 'no epoch was kept yet' : `${out} is the best epoch so far`;
    note(`\nInterrupted; ${kept}.`);
  });
  try {
    using model = notebookModel(options.neurons as [number, number, number], {
      seed,
      ...modelOptions(options),
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
        'DIVERGED',
        `Training diverged: val_loss was not a finite number in any epoch from ${start.epoch + 1} on; nothing was written to ${out}`,
      );
    }
    using best = await Model.load(out, modelOptions(options));
    const { loss, accuracy } = await best.evaluate(sides.validation, { signal });
    if (json) printJson({ model: out, loss, accuracy, startFromEpoch: start, history: history.history });
    else tell(`${out}: val_loss ${loss.toFixed(4)}, val_accuracy ${accuracy.toFixed(4)}`);
  } finally {
    release();
  }
}

function h5File(path: string): string {
  if (!['.h5', '.hdf5'].includes(extname(path))) {
    throw invalidArgument('--out', 'a file name ending in .h5 or .hdf5', path);
  }
  return path;
}
