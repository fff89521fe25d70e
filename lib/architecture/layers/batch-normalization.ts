import { invalidArgument } from '../../errors.js';
import { PythonFloat } from '../../python/json.js';
import type { Check } from '../../validate.js';
import { buildLayer, KERAS_ONES, KERAS_ZEROS, type LayerKind, type Named, ONES, ZEROS } from './layer.js';

/** Keras 2.8's batch normalisation over the last axis, with scale and centre. */
export interface BatchNormalizationSpec extends Named {
  type: 'BatchNormalization';
  momentum: number;
  epsilon: number;
}

const momentum: Check = (name, value) => {
  if (!(typeof value === 'number' && value >= 0 && value <= 1)) {
    throw invalidArgument(name, 'a number from 0 to 1', value);
  }
};
const positive: Check = (name, value) => {
  if (!(Number.isFinite(value) && (value as number) > 0))
    throw invalidArgument(name, 'a positive number', value);
};

export const BATCH_NORMALIZATION: LayerKind<BatchNormalizationSpec> = {
  type: 'BatchNormalization',
  snakeCase: 'batch_normalization',
  fields: { momentum, epsilon: positive },
  outputShape: (_, input) => [...input],
  weights(_, input) {
    const shape = [input.at(-1)!];
    return [
      { variable: 'gamma', shape, initializer: ONES },
      { variable: 'beta', shape, initializer: ZEROS },
      { variable: 'moving_mean', shape, initializer: ZEROS, trainable: false },
      { variable: 'moving_variance', shape, initializer: ONES, trainable: false },
    ];
  },
  native: ({ momentum, epsilon }) => ({ type: 'BatchNormalization', momentum, epsilon }),
  toKeras: ({ momentum, epsilon }, axis) => ({
    axis: [axis],
    momentum: new PythonFloat(momentum),
    epsilon: new PythonFloat(epsilon),
    center: true,
    scale: true,
    beta_initializer: KERAS_ZEROS,
    gamma_initializer: KERAS_ONES,
    moving_mean_initializer: KERAS_ZEROS,
    moving_variance_initializer: KERAS_ONES,
    beta_regularizer: null,
    gamma_regularizer: null,
    beta_constraint: null,
    gamma_constraint: null,
  }),
  fromKeras: ({ momentum, epsilon }) => ({ momentum, epsilon }),
};

/** Defaults: `momentum` 0.99, `epsilon` 0.001. */
export function batchNormalization(
  options: { momentum?: number; epsilon?: number; name?: string } = {},
): BatchNormalizationSpec {
  const defaults = { momentum: 0.99, epsilon: 0.001 };
  return buildLayer(BATCH_NORMALIZATION, 'batchNormalization', defaults, options);
}
