import { PythonFloat } from '../../python/json.js';
import { buildLayer, finite, type LayerKind, type Named } from './layer.js';

/** y = x * scale + offset. */
export interface RescalingSpec extends Named {
  type: 'Rescaling';
  scale: number;
  offset: number;
}

export const RESCALING: LayerKind<RescalingSpec> = {
  type: 'Rescaling',
  snakeCase: 'rescaling',
  fields: { scale: finite, offset: finite },
  outputShape: (_, input) => [...input],
  weights: () => [],
  native: ({ scale, offset }) => ({ type: 'Rescaling', scale, offset }),
  toKeras: ({ scale, offset }) => ({ scale: new PythonFloat(scale), offset: new PythonFloat(offset) }),
  fromKeras: ({ scale, offset }) => ({ scale, offset }),
};

/** y = x * scale + offset, in training and inference; `offset` is 0 by default. */
export function rescaling(options: { scale: number; offset?: number; name?: string }): RescalingSpec {
  return buildLayer(RESCALING, 'rescaling', { offset: 0 }, options);
}
