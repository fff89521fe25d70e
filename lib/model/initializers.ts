import type { Initializer } from '../architecture/layers/layer.js';
import type { Architecture } from '../architecture/resolve-layers.js';
import { Random } from '../random.js';

/** The largest absolute value of Keras' GlorotUniform: sqrt(6 / (fanIn + fanOut)). */
export function glorotLimit(fanIn: number, fanOut: number): number {
  return Math.sqrt(6 / (fanIn + fanOut));
}

/**
 * The starting values of every weight, in the architecture's order. Each weight draws from a stream of its own, picked
 * by the position of its layer and its variable: neither names nor the sizes of other layers change it.
 */
export function initialWeights(architecture: Architecture, seed: number): Float32Array[] {
  return architecture.layers.flatMap((layer, position) =>
    layer.weights.map(({ size, variable, initializer }) =>
      draw(initializer, size, () => new Random(seed, 'weights', position, variable)),
    ),
  );
}

function draw(initializer: Initializer, size: number, random: () => Random): Float32Array {
  const values = new Float32Array(size);
  if (initializer.type === 'ones') values.fill(1);
  if (initializer.type === 'glorotUniform') {
    const limit = glorotLimit(initializer.fanIn, initializer.fanOut);
    const generator = random();
    for (let i = 0; i < size; i++) values[i] = (2 * generator.uniform() - 1) * limit;
  }
  return values;
}
