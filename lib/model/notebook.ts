import { invalidArgument } from '../errors.js';
import { rejectUnknownOptions, requireInteger } from '../validate.js';
import { type LayerSpec, layers } from './layers.js';
import { type Model, type ModelOptions, sequential } from './model.js';

/** Options of {@link notebookModel}. */
export interface NotebookModelOptions
  extends Pick<ModelOptions, 'seed' | 'device' | 'precision' | 'threads' | 'inputShape'> {
  /** Units of the final softmax. Default 10. */
  classes?: number;
  /** Of Adam. Default 0.001. */
  learningRate?: number;
}

/**
 * The notebook's architecture: pixels / 255; twice convolution of 28 filters 3 x 3 with ReLU, 2 x 2 maximum pooling,
 * batch normalization; then dense layers with ReLU, each followed by batch normalization; softmax.
 * @param widths units of the three dense layers
 */
export function notebookLayers(widths: readonly [number, number, number], classes = 10): LayerSpec[] {
  if (!Array.isArray(widths) || widths.length !== 3) {
    throw invalidArgument('widths', 'three numbers of units, e.g. [100, 60, 100]', widths);
  }
  for (const [i, width] of widths.entries()) requireInteger(`widths[${i}]`, width);
  requireInteger('classes', classes);
  const convolution = () => [
    layers.conv2d({ filters: 28, kernelSize: 3, activation: 'relu' }),
    layers.maxPooling2d(),
    layers.batchNormalization(),
  ];
  return [
    layers.rescaling({ scale: 1 / 255 }),
    ...convolution(),
    ...convolution(),
    layers.flatten(),
    ...widths.flatMap((units) => [layers.dense({ units, activation: 'relu' }), layers.batchNormalization()]),
    layers.dense({ units: classes, activation: 'softmax' }),
  ];
}

/**
 * The compiled model of {@link notebookLayers}.
 * @throws ConvsweepError `INVALID_ARGUMENT`, `DEVICE_UNAVAILABLE`
 */
export function notebookModel(
  widths: readonly [number, number, number],
  options: NotebookModelOptions = {},
): Model {
  const known = ['seed', 'device', 'precision', 'threads', 'inputShape', 'classes', 'learningRate'];
  rejectUnknownOptions('notebookModel', options, known);
  const { classes, learningRate, ...rest } = options;
  const optimizer = learningRate === undefined ? {} : { learningRate };
  return sequential(notebookLayers(widths, classes), { ...rest, optimizer });
}
