import type { Adam } from '../architecture/adam.js';
import type { LayerSpec } from '../architecture/layers.js';
import { type Architecture, resolveLayers } from '../architecture/resolve-layers.js';
import { type NamedWeight, validateWeights } from '../architecture/weights.js';
import { type Origin, parseOrigins } from '../data/origin.js';
import { type PythonValue, pythonJson } from '../python/json.js';
import { invalid } from './invalid.js';

/** What a Keras model file holds. */
export interface KerasModel {
  name: string;
  layers: LayerSpec[];
  /** `[height, width, channels]` */
  inputShape: readonly number[];
  /** In Keras' order: each layer's kernel, bias or gamma, beta, moving_mean, moving_variance. */
  weights: NamedWeight[];
  /** Undefined when the model was saved without its optimizer. */
  optimizer?: KerasOptimizer | undefined;
  /** What the model was trained on; undefined where that is not known, as in files that Keras wrote. */
  origins?: readonly Origin[] | undefined;
}

/** Adam in the middle of training. */
export interface KerasOptimizer {
  adam: Adam;
  /** Steps done. */
  iterations: number;
  /** First moments of the trainable weights, in order, under the weights' names. */
  m: NamedWeight[];
  /** Second moments. */
  v: NamedWeight[];
}

/**
 * The architecture of `model`.
 * @throws ConvsweepError `INVALID_ARGUMENT` or `SHAPE_MISMATCH` when the weights are not those of the layers
 */
export function validateKerasModel({ layers, inputShape, weights, optimizer }: KerasModel): Architecture {
  const architecture = resolveLayers(layers, inputShape);
  const trainable = architecture.weights.filter((weight) => weight.trainable);
  validateWeights('weights', weights, architecture.weights);
  if (optimizer) {
    validateWeights('optimizer.m', optimizer.m, trainable);
    validateWeights('optimizer.v', optimizer.v, trainable);
  }
  return architecture;
}

/** Adam before its first step. */
export function freshOptimizer({ weights }: Architecture, adam: Adam): KerasOptimizer {
  const zeros = () =>
    weights
      .filter((weight) => weight.trainable)
      .map(({ name, shape, size }) => ({ name, shape: [...shape], data: new Float32Array(size) }));
  return { adam, iterations: 0, m: zeros(), v: zeros() };
}

/** @throws ConvsweepError `INVALID_MODEL` unless a file's step count is one */
export function requireIterations(count: number | undefined): number {
  if (count === undefined || !Number.isSafeInteger(count) || count < 0)
    throw invalid('its optimizer state has no step count');
  return count;
}

/** @throws ConvsweepError `INVALID_MODEL` when a value that was read is infinite or no number */
export function requireFinite({ weights, optimizer }: KerasModel): void {
  const lists = { weights, 'moments m': optimizer?.m ?? [], 'moments v': optimizer?.v ?? [] };
  for (const [what, list] of Object.entries(lists)) {
    for (const { name, data } of list) {
      const index = data.findIndex((value) => !Number.isFinite(value));
      if (index < 0) continue;
      throw invalid(
        `its ${what} of ${name} have ${data[index]} at index ${index}: it is damaged, or its training diverged`,
      );
    }
  }
}

/** Under which name a file holds {@link KerasModel.origins}; Keras does not look at it. */
export const ORIGIN = 'convsweep_origin';

/** The text that {@link readOrigins} reads. */
export function writeOrigins(origins: readonly Origin[]): string {
  return pythonJson(origins as unknown as PythonValue);
}

/** @throws ConvsweepError `INVALID_MODEL` for a text that is no JSON of origins */
export function readOrigins(text: string | undefined): Origin[] | undefined {
  if (text === undefined) return undefined;
  const origins = parseOrigins(text);
  if (!origins) throw invalid(`its ${ORIGIN} is damaged`);
  return origins;
}
