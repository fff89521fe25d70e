import {
  type Activation,
  activation,
  buildLayer,
  by,
  count,
  flag,
  KERAS_KERNEL_AND_BIAS,
  kernelAndBias,
  type LayerKind,
  misfit,
  type Named,
} from './layer.js';

/** y = activation(x K + b), kernel `[in, units]`. */
export interface DenseSpec extends Named {
  type: 'Dense';
  units: number;
  activation: Activation;
  useBias: boolean;
}

export const DENSE: LayerKind<DenseSpec> = {
  type: 'Dense',
  snakeCase: 'dense',
  fields: { units: count, activation, useBias: flag },
  outputShape({ units }, input, name) {
    if (input.length !== 1) {
      throw misfit(
        name,
        `Dense needs a vector, but its input is an image of ${by(input)}; add layers.flatten() before it`,
      );
    }
    return [units];
  },
  weights: ({ units, useBias }, input) => kernelAndBias([input[0]!, units], { area: 1, useBias }),
  native: ({ activation, useBias }) => ({ type: 'Dense', activation, useBias }),
  toKeras: ({ units, activation, useBias }) => ({
    units,
    activation,
    use_bias: useBias,
    ...KERAS_KERNEL_AND_BIAS,
  }),
  fromKeras: ({ units, activation, use_bias }) => ({ units, activation, useBias: use_bias }),
};

/** Defaults: `activation` `linear`, `useBias` true. */
export function dense(options: {
  units: number;
  activation?: Activation;
  useBias?: boolean;
  name?: string;
}): DenseSpec {
  return buildLayer(DENSE, 'dense', { activation: 'linear', useBias: true }, options);
}
