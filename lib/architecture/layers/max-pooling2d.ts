import {
  buildLayer,
  type LayerKind,
  type Named,
  type Padding,
  padding,
  pair,
  type Size2D,
  windowPositions,
} from './layer.js';

/** The largest value of each window; its gradient goes to the first largest in row-major order. */
export interface MaxPooling2DSpec extends Named {
  type: 'MaxPooling2D';
  poolSize: [number, number];
  strides: [number, number];
  padding: Padding;
}

export const MAX_POOLING2D: LayerKind<MaxPooling2DSpec> = {
  type: 'MaxPooling2D',
  snakeCase: 'max_pooling2d',
  fields: { poolSize: pair, strides: pair, padding },
  outputShape(spec, input, name) {
    const window = { ...spec, what: 'pool', window: spec.poolSize };
    return [...windowPositions(name, 'MaxPooling2D', window, input), input[2]!];
  },
  weights: () => [],
  native: ({ poolSize, strides }) => ({ type: 'MaxPooling2D', window: poolSize, strides }),
  toKeras: ({ poolSize, padding, strides }) => ({
    pool_size: poolSize,
    padding,
    strides,
    data_format: 'channels_last',
  }),
  fromKeras: ({ pool_size, strides, padding }) => ({ poolSize: pool_size, strides, padding }),
};

/** Defaults: `poolSize` 2, `strides` the pool size, `padding` `valid`. The pool has at most 65,536 positions. */
export function maxPooling2d(
  options: { poolSize?: Size2D; strides?: Size2D; padding?: Padding; name?: string } = {},
): MaxPooling2DSpec {
  const poolSize = options?.poolSize ?? 2;
  const defaults = { poolSize, strides: poolSize, padding: 'valid' };
  return buildLayer(MAX_POOLING2D, 'maxPooling2d', defaults, options, ['poolSize', 'strides']);
}
