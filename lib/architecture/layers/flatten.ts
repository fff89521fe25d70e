import { buildLayer, type LayerKind, type Named, product } from './layer.js';

export interface FlattenSpec extends Named {
  type: 'Flatten';
}

export const FLATTEN: LayerKind<FlattenSpec> = {
  type: 'Flatten',
  snakeCase: 'flatten',
  fields: {},
  outputShape: (_, input) => [product(input)],
  weights: () => [],
  native: () => ({ type: 'Flatten' }),
  toKeras: () => ({ data_format: 'channels_last' }),
  fromKeras: () => ({}),
};

/** `[height, width, channels]` to `[height * width * channels]`, row-major. */
export function flatten(options: { name?: string } = {}): FlattenSpec {
  return buildLayer(FLATTEN, 'flatten', {}, options);
}
