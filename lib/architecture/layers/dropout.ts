import { invalidArgument } from '../../errors.js';
import { PythonFloat } from '../../python/json.js';
import type { Check } from '../../validate.js';
import { buildLayer, type LayerKind, type Named } from './layer.js';

/** In training, zeroes each input with probability `rate` and scales the others by 1 / (1 - rate). */
export interface DropoutSpec extends Named {
  type: 'Dropout';
  rate: number;
}

const atLeastZeroBelowOne: Check = (name, value) => {
  if (!(typeof value === 'number' && value >= 0 && value < 1)) {
    throw invalidArgument(name, 'a number of at least 0 and below 1', value);
  }
};

export const DROPOUT: LayerKind<DropoutSpec> = {
  type: 'Dropout',
  snakeCase: 'dropout',
  fields: { rate: atLeastZeroBelowOne },
  outputShape: (_, input) => [...input],
  weights: () => [],
  native: ({ rate }) => ({ type: 'Dropout', rate }),
  toKeras: ({ rate }) => ({ rate: new PythonFloat(rate), noise_shape: null, seed: null }),
  fromKeras: ({ rate }) => ({ rate }),
};

/** `rate` is the fraction of inputs zeroed in training. */
export function dropout(options: { rate: number; name?: string }): DropoutSpec {
  return buildLayer(DROPOUT, 'dropout', {}, options);
}
