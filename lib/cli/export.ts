import { extname } from 'node:path';
import type { Command } from 'commander';
import { invalidArgument } from '../errors.js';
import { EXPORT_FORMATS, type ExportFormat, exportModel } from '../formats/export.js';
import { StoredModel } from '../formats/stored-model.js';
import { choice } from './option-parsers.js';
import { print, printJson } from './terminal.js';

/** What opens each format. */
const OPENED_BY: Record<ExportFormat, (out: string) => string> = {
  keras: (out) => `keras.models.load_model('${out}')`,
  tfjs: (out) => `tf.loadLayersModel('${out}/model.json')`,
  onnx: (out) => `onnxruntime.InferenceSession('${out}')`,
  safetensors: (out) => `safetensors.numpy.load_file('${out}')`,
};

export function addExport(program: Command): void {
  program
    .command('export')
    .description('write a model for other software')
    .argument('<model>', 'a Keras .h5 or .keras file')
    .argument('<out>', 'a new .keras, .onnx or .safetensors file, or a folder for tfjs')
    .requiredOption('--to <format>', EXPORT_FORMATS.join(', '), choice('--to', EXPORT_FORMATS))
    .option('--json', 'print JSON')
    .action(async (path: string, out: string, { to, json }: { to: ExportFormat; json?: boolean }) => {
      if (to !== 'tfjs' && extname(out) !== `.${to}`) {
        throw invalidArgument('<out>', `a name ending in .${to} with --to ${to}`, out);
      }
      const model = await StoredModel.read(path);
      await exportModel(model, to, out);
      if (json) return printJson({ model: path, format: to, out });
      print(`${out}  open it with ${OPENED_BY[to](out)}`);
    });
}
