import type { LayerSpec } from '../architecture/layers.js';
import { type Architecture, resolveLayers } from '../architecture/resolve-layers.js';
import { type NamedWeight, validateWeights } from '../architecture/weights.js';

/** What the exports need of a model; `Model` has it. */
export interface ExportableModel {
  readonly name: string;
  readonly layers: readonly LayerSpec[];
  /** `[height, width, channels]` */
  readonly inputShape: readonly number[];
  getWeights(): NamedWeight[];
  /** Writes a Keras file, of the kind that the ending of `path` says. */
  save(path: string): Promise<void>;
}

/** A model as the encoders take it. */
export interface DescribedModel {
  name: string;
  architecture: Architecture;
  /** In Keras' order. */
  weights: NamedWeight[];
}

/** @throws ConvsweepError `INVALID_ARGUMENT` or `SHAPE_MISMATCH` when the weights are not those of the layers */
export function describeModel(model: ExportableModel): DescribedModel {
  const architecture = resolveLayers(model.layers, model.inputShape);
  const weights = model.getWeights();
  validateWeights('weights', weights, architecture.weights);
  return { name: model.name, architecture, weights };
}

/** The values of all `weights`, one after the other, as little-endian float32. */
export function concatenateWeights(weights: readonly NamedWeight[]): Buffer {
  return Buffer.concat(weights.map((weight) => weightBytes(weight.data)));
}

/** The memory of `data`, not copied: float32, little-endian as every platform that the engine runs on. */
export function weightBytes(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
