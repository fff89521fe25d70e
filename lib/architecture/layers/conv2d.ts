import {
  type Activation,
  activation,
  buildLayer,
  count,
  flag,
  KERAS_KERNEL_AND_BIAS,
  kernelAndBias,
  type LayerKind,
  type Named,
  type Padding,
  padding,
  pair,
  product,
  type Size2D,
  windowPositions,
} from './layer.js';

/** Cross-correlation, channels last, with Keras' defaults: GlorotUniform kernel `[kh, kw, in, filters]`, zero bias. */
export interface Conv2DSpec extends Named {
  type: 'Conv2D';
  filters: number;
  kernelSize: [number, number];
  strides: [number, number];
  padding: Padding;
  activation: Activation;
  useBias: boolean;
}

export const CONV2D: LayerKind<Conv2DSpec> = {
  type: 'Conv2D',
  snakeCase: 'conv2d',
  fields: { filters: count, kernelSize: pair, strides: pair, padding, activation, useBias: flag },
  outputShape(spec, input, name) {
    const window = { ...spec, what: 'kernel', window: spec.kernelSize };
    return [...windowPositions(name, 'Conv2D', window, input), spec.filters];
  },
  weights({ kernelSize, filters, useBias }, input) {
    return kernelAndBias([...kernelSize, input.at(-1)!, filters], { area: product(kernelSize), useBias });
  },
  native: ({ activation, useBias, kernelSize, strides }) => ({
    type: 'Conv2D',
    activation,
    useBias,
    window: kernelSize,
    strides,
  }),
  toKeras: (spec) => ({
    filters: spec.filters,
    kernel_size: spec.kernelSize,
    strides: spec.strides,
    padding: spec.padding,
    data_format: 'channels_last',
    dilation_rate: [1, 1],
    groups: 1,
    activation: spec.activation,
    use_bias: spec.useBias,
    ...KERAS_KERNEL_AND_BIAS,
  }),
  fromKeras: ({ filters, kernel_size, strides, padding, activation, use_bias }) => ({
    filters,
    kernelSize: kernel_size,
    strides,
    padding,
    activation,
    useBias: use_bias,
  }),
};

/**
 * Defaults: `strides` 1, `padding` `valid`, `activation` `linear`, `useBias` true. The kernel has at most 65,536
 * positions.
 */
export function conv2d(options: {
  filters: number;
  kernelSize: Size2D;
  strides?: Size2D;
  padding?: Padding;
  activation?: Activation;
  useBias?: boolean;
  name?: string;
}): Conv2DSpec {
  const defaults = { strides: 1, padding: 'valid', activation: 'linear', useBias: true };
  return buildLayer(CONV2D, 'conv2d', defaults, options, ['kernelSize', 'strides']);
}
