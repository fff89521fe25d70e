import type { Command } from 'commander';
import { Model } from '../model/model.js';
import { writeEvaluation } from '../report/evaluation/evaluation-folder.js';
import { evaluationText } from '../report/evaluation/evaluation-text.js';
import { evaluateModel } from '../report/evaluation/model-evaluation.js';
import { dataOption } from './data-option.js';
import { type ImageOptions, loadSource, PARTS, requireSelection } from './data-source.js';
import { type DeviceOptions, modelOptions, withDevice } from './device-options.js';
import { evaluatedImages } from './evaluated-images.js';
import { choice, integer, percentage } from './option-parsers.js';
import { interruption, note, print, printJson } from './terminal.js';

interface EvaluateOptions extends ImageOptions, DeviceOptions {
  out: string;
  all?: boolean;
  json?: boolean;
}

/** Adds the options that choose images and what runs the model to `command`. */
export function withImages(command: Command): Command {
  const withSelection = command
    .addOption(dataOption())
    .option('--part <part>', 'all, train, test or validation', choice('--part', PARTS))
    .option(
      '--split <percent>',
      "the sweep's holdout split that the model was trained on",
      percentage('--split'),
    )
    .option('--seed <n>', 'the seed of that split', integer('--seed', 0));
  return withDevice(withSelection).option('--json', 'print JSON');
}

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description(
      'loss, accuracy, confusion matrix, classification report and misclassified images of a model',
    )
    .argument('<model>', 'a Keras .h5 or .keras file')
    .option('--out <dir>', 'folder for the report and its pictures', 'evaluation')
    .option('--all', 'keep images that the model was trained on, which are left out otherwise');
  withImages(command).action(async (path: string, options: EvaluateOptions) => {
    const { data, all = false } = options;
    requireSelection(options);
    using model = await Model.load(path, modelOptions(options));
    const { images, remark } = evaluatedImages(path, model.origins, await loadSource(data), options, all);
    note(remark);
    const { signal, release } = interruption(() => note('Interrupted.'));
    try {
      const evaluation = await evaluateModel(path, model, images, { signal });
      const files = await writeEvaluation(options.out, evaluation, images);
      if (options.json) printJson(evaluation);
      else print(evaluationText(evaluation));
      note(`Written: ${files.join(', ')}`);
    } finally {
      release();
    }
  });
}
