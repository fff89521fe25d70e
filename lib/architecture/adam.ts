import { invalidArgument } from '../errors.js';
import { rejectUnknownOptions } from '../validate.js';

/** Keras' Adam: epsilon outside the square root and not bias-corrected. */
export interface Adam {
  /** Default 0.001. */
  learningRate: number;
  /** Decay of the first moment. Default 0.9. */
  beta1: number;
  /** Decay of the second moment. Default 0.999. */
  beta2: number;
  /** Default 1e-7. */
  epsilon: number;
}

const DEFAULTS: Adam = { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };

/**
 * Fills in the defaults. All but epsilon are rounded to float32, which is what Keras computes with and saves: a model
 * that was saved and loaded has exactly the optimizer it had.
 * @throws ConvsweepError `INVALID_ARGUMENT` for an unknown option or a value out of range
 */
export function resolveAdam(options: Partial<Adam>): Adam {
  if (options === null || typeof options !== 'object')
    throw invalidArgument('optimizer', 'an object', options);
  rejectUnknownOptions('optimizer', options, Object.keys(DEFAULTS));
  const adam = { ...DEFAULTS };
  for (const key of Object.keys(DEFAULTS) as (keyof Adam)[])
    if (options[key] !== undefined) adam[key] = options[key];
  for (const key of ['learningRate', 'epsilon'] as const) {
    if (!(Number.isFinite(adam[key]) && adam[key] > 0)) {
      throw invalidArgument(`optimizer.${key}`, 'a positive number', adam[key]);
    }
  }
  for (const key of ['beta1', 'beta2'] as const) {
    if (!(Number.isFinite(adam[key]) && adam[key] >= 0 && adam[key] < 1)) {
      throw invalidArgument(`optimizer.${key}`, 'a number of at least 0 and below 1', adam[key]);
    }
  }
  return {
    learningRate: Math.fround(adam.learningRate),
    beta1: Math.fround(adam.beta1),
    beta2: Math.fround(adam.beta2),
    epsilon: adam.epsilon,
  };
}
