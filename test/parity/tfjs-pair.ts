import type { LayerSpec } from '../../lib/architecture/layers.js';
import { type Model, sequential } from '../../lib/model/model.js';
import { ReferenceNetwork } from '../reference/network.js';
import { onDevice } from './device.js';
import { drawDecided, drawWeights, noise } from './draw.js';
import { TfjsNetwork } from './tfjs-network.js';

/** A batch of `n` images. */
export interface Setting {
  inputShape: [number, number, number];
  n: number;
  seed: number;
}

/** The same network of drawn weights on the device and in TensorFlow.js. */
export async function pair(
  specs: readonly LayerSpec[],
  { inputShape, seed }: Setting,
): Promise<[Model, TfjsNetwork]> {
  const model = sequential(specs, { inputShape, seed, ...onDevice });
  model.setWeights(drawWeights(model.getWeights(), seed));
  const peer = await TfjsNetwork.of(specs, inputShape);
  peer.weights = dataOf(model);
  return [model, peer];
}

/** The values of all weights, in Keras' order. */
export const dataOf = (model: Model): Float32Array[] => model.getWeights().map(({ data }) => data);

export const pixels = ({ inputShape, n }: Setting): number => n * inputShape.reduce((a, b) => a * b, 1);

export function decidedImages(model: Model, setting: Setting): Uint8Array {
  const reference = new ReferenceNetwork(model.layers, setting.inputShape);
  reference.setWeights(dataOf(model));
  return drawDecided(reference, setting.n, setting.seed, (random) => noise(pixels(setting), random));
}
