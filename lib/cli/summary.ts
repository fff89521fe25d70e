import type { Command } from 'commander';
import { Blueprint } from '../architecture/blueprint.js';
import { notebookLayers } from '../architecture/notebook-layers.js';
import { ConvsweepError } from '../errors.js';
import { StoredModel } from '../formats/stored-model.js';
import { integers } from './option-parsers.js';
import { print, printJson } from './terminal.js';

export function addSummary(program: Command): void {
  program
    .command('summary')
    .description("print a model's layers as Keras does")
    .argument('[model]', 'a Keras .h5 or .keras file')
    .option(
      '--neurons <a,b,c>',
      "the notebook's model with these widths instead of a file",
      integers('--neurons', 3),
    )
    .option('--json', 'print JSON')
    .action(async (path: string | undefined, { neurons, json }: { neurons?: number[]; json?: boolean }) => {
      if ((path === undefined) === (neurons === undefined)) {
        throw new ConvsweepError(
          'INVALID_ARGUMENT',
          'Give either a model file or --neurons, as in: convsweep summary --neurons 100,60,100',
        );
      }
      const model =
        path === undefined
          ? new Blueprint(notebookLayers(neurons as [number, number, number]))
          : await StoredModel.read(path);
      if (!json) return print(model.summary());
      const { name, inputShape, layers, parameters } = model;
      printJson({ name, inputShape, layers, parameters });
    });
}
