import type { NamedWeight } from '../../lib/architecture/weights.js';
import { Random } from '../../lib/random.js';
import type { ReferenceNetwork } from '../reference/network.js';

/** Rounding must not flip a decision: this is far above the rounding of values of the size of 1. */
const SMALLEST_GAP = 1e-5;
const DRAWS = 50;

/** Weights in place of `weights`, none of them zero or one as initial ones are. */
export function drawWeights(weights: readonly NamedWeight[], seed: number): NamedWeight[] {
  const random = new Random(seed, 'drawn weights');
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  return weights.map((weight) => {
    const inputs = weight.shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const [low, high] = weight.name.endsWith('/kernel')
      ? [-2 / Math.sqrt(inputs), 2 / Math.sqrt(inputs)]
      : weight.name.endsWith('/gamma') || weight.name.endsWith('/moving_variance')
        ? [0.5, 1.5]
        : [-0.4, 0.4];
    return { ...weight, data: weight.data.map(() => between(low, high)) };
  });
}

/** Pixels of which half are zero. */
export function noise(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(2) * random.below(256));
}

/**
 * A batch of `n` images from `draw` for which no decision of the network in training mode is near, so that its
 * gradients do not jump with rounding. Tries one batch after the other.
 */
export function drawDecided(
  network: ReferenceNetwork,
  n: number,
  seed: number,
  draw: (random: Random) => Uint8Array,
): Uint8Array {
  for (let i = 0; i < DRAWS; i++) {
    const images = draw(new Random(seed, 'drawn images', i));
    if (network.decisionGap(images, n) > SMALLEST_GAP) return images;
  }
  throw new Error(`Each of ${DRAWS} batches has a decision nearer than ${SMALLEST_GAP}`);
}
