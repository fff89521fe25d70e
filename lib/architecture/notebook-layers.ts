import { invalidArgument } from '../errors.js';
import { requireInteger } from '../validate.js';
import { type LayerSpec, layers } from './layers.js';

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
