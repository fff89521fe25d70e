import { extname } from 'node:path';
import { invalidArgument } from '../errors.js';
import { writeWhole } from '../files.js';
import { type DescribedModel, describeModel, type ExportableModel } from './exportable-model.js';
import { encodeOnnx } from './onnx.js';
import { encodeSafetensors } from './safetensors.js';
import { encodeTfjs } from './tfjs.js';
import { writeTfjsFolder } from './tfjs-folder.js';

/** The formats of {@link exportModel}. */
export const EXPORT_FORMATS = ['keras', 'tfjs', 'onnx', 'safetensors'] as const;

/** See {@link exportModel}. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/**
 * Writes a model for other software. Every layer can be written in every format; probabilities agree with
 * `model.predict` up to rounding (1e-5).
 *
 * - `keras`: a `.keras` file for Keras 3, with the optimizer's state, as `model.save` writes it. tf_keras opens it too
 *   and starts a fresh optimizer.
 * - `tfjs`: a folder for TensorFlow.js: `tf.loadLayersModel('.../model.json')`. It may replace an earlier such folder.
 * - `onnx`: an `.onnx` file, opset 17, from `image` [N, height, width, channels] to `probabilities` [N, classes].
 * - `safetensors`: a `.safetensors` file of the weights, named and laid out as `model.getWeights()`, with Keras' JSON
 *   of the architecture as `model_config` in the metadata.
 *
 * All take images as float32 of 0..255, channels last. A file appears whole or not at all. So does a
 * folder, but a process that is killed as it replaces one may leave none; the next export to that name finds it again.
 * @param model a `Model`
 * @param path ends as the format's files do; its folder exists
 * @throws ConvsweepError `INVALID_ARGUMENT` for an unknown format or another ending, or a model that is too large for
 * the format; `FILE` when it cannot be written, or a folder of something else is there
 * @example
 * await exportModel(model, 'onnx', 'digits.onnx');
 */
export async function exportModel(model: ExportableModel, format: ExportFormat, path: string): Promise<void> {
  if (!EXPORT_FORMATS.includes(format)) {
    throw invalidArgument('format', EXPORT_FORMATS.map((name) => JSON.stringify(name)).join(' or '), format);
  }
  if (typeof path !== 'string' || path === '')
    throw invalidArgument('path', 'the path of a file or folder', path);
  if (format === 'tfjs') return writeTfjsFolder(path, encodeTfjs(describeModel(model)));
  if (extname(path) !== `.${format}`) throw invalidArgument('path', `a name ending in .${format}`, path);
  if (format === 'keras') return model.save(path);
  await writeWhole(path, await ENCODERS[format](describeModel(model)));
}

const ENCODERS: Record<'onnx' | 'safetensors', (model: DescribedModel) => Uint8Array | Promise<Uint8Array>> =
  {
    onnx: encodeOnnx,
    safetensors: encodeSafetensors,
  };
