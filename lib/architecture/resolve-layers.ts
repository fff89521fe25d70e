import { ConvsweepError, invalidArgument } from '../errors.js';
import type { NativeLayer } from '../native/contract.js';
import { by, type Initializer, MAX_VALUES, product, validateName } from './layers/layer.js';
import { kindOf, LAYER_KINDS, type LayerSpec, validateLayer } from './layers.js';

/** A weight of a model: what it is called, its layout, and where the engine keeps it. */
export interface Weight {
  /** `conv2d/kernel` */
  name: string;
  /** `kernel`, `bias`, `gamma`, `beta`, `moving_mean` or `moving_variance` */
  variable: string;
  shape: number[];
  /** The product of {@link shape}. */
  size: number;
  trainable: boolean;
  initializer: Initializer;
  /** Of its first value in the engine's `parameters` (if trainable) or `statistics`. */
  offset: number;
}

export type NamedLayerSpec = LayerSpec & { name: string };

/** A layer whose name and shapes are known. Shapes have no batch dimension. */
export interface ResolvedLayer {
  name: string;
  spec: NamedLayerSpec;
  inputShape: number[];
  outputShape: number[];
  /** In Keras' order. */
  weights: Weight[];
}

/** A sequential model on paper. */
export interface Architecture {
  /** `[height, width, channels]` of the images. */
  inputShape: [number, number, number];
  outputShape: number[];
  layers: ResolvedLayer[];
  /** All layers' weights, in Keras' order. */
  weights: Weight[];
  parameters: ParameterCounts;
}

/** Numbers of weight values, as Keras' summary counts them. */
export interface ParameterCounts {
  total: number;
  trainable: number;
  /** Batch norm's moving statistics. */
  nonTrainable: number;
}

/**
 * Names the layers and works out every shape and weight. Names count per class from zero as in Keras (`conv2d`,
 * `conv2d_1`, ...), passing over those that another layer was given explicitly.
 * @param inputShape `[height, width, channels]`
 * @throws ConvsweepError `INVALID_ARGUMENT` naming the layer that is invalid or does not fit its input
 */
export function resolveLayers(specs: readonly LayerSpec[], inputShape: readonly number[]): Architecture {
  if (!Array.isArray(specs) || specs.length === 0) {
    throw invalidArgument('layers', 'a non-empty array of layers', specs);
  }
  if (!isShape(inputShape)) {
    throw invalidArgument('inputShape', 'three positive integers [height, width, channels]', inputShape);
  }
  if (product(inputShape) > MAX_VALUES) {
    throw invalidArgument('inputShape', `at most ${MAX_VALUES} values`, inputShape);
  }
  const names = nameLayers(specs);
  const offsets = { trainable: 0, nonTrainable: 0 };
  let shape: number[] = [...inputShape];
  const layers = specs.map((spec, i): ResolvedLayer => {
    const name = names[i]!;
    const input = shape;
    const kind = kindOf(spec);
    shape = kind.outputShape(spec, input, name);
    const weights = kind.weights(spec, input).map(({ variable, shape, trainable = true, initializer }) => {
      const counter = trainable ? 'trainable' : 'nonTrainable';
      const offset = offsets[counter];
      const size = product(shape);
      offsets[counter] += size;
      return {
        name: `${name}/${variable}`,
        variable,
        shape: [...shape],
        size,
        trainable,
        initializer,
        offset,
      };
    });
    if (offsets.trainable > MAX_VALUES || product(shape) > MAX_VALUES) {
      throw new ConvsweepError(
        'INVALID_ARGUMENT',
        `${name}: the model has more than ${MAX_VALUES} values there`,
      );
    }
    return { name, spec: { ...spec, name }, inputShape: input, outputShape: shape, weights };
  });
  return {
    inputShape: [...inputShape],
    outputShape: shape,
    layers,
    weights: layers.flatMap((layer) => layer.weights),
    parameters: { total: offsets.trainable + offsets.nonTrainable, ...offsets },
  };
}

/**
 * Throws unless the model ends in the softmax that sparse categorical cross-entropy needs, and has no other.
 * @throws ConvsweepError `INVALID_ARGUMENT` naming the layer
 */
export function requireClassifier(architecture: Architecture): void {
  const { layers } = architecture;
  const last = layers.at(-1)!;
  const activationOf = ({ spec }: ResolvedLayer) => ('activation' in spec ? spec.activation : 'linear');
  for (const layer of layers) {
    if (activationOf(layer) === 'softmax' && layer !== last) {
      throw new ConvsweepError(
        'INVALID_ARGUMENT',
        `${layer.name}: softmax is possible in the last layer only, and ${last.name} comes after it`,
      );
    }
  }
  if (activationOf(last) !== 'softmax') {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `${last.name}: the last layer must be a softmax over the classes; end with layers.dense({ units: classes, activation: 'softmax' }) or layers.activation('softmax')`,
    );
  }
  if (last.outputShape.length !== 1) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `${last.name}: softmax over classes needs a vector, but its input is an image of ${by(last.inputShape)}; add layers.flatten() before it`,
    );
  }
}

/** The layers as the engine takes them. */
export function toNativeLayers(architecture: Architecture): NativeLayer[] {
  return architecture.layers.map(({ spec, inputShape, outputShape }) => ({
    inputShape,
    outputShape,
    ...kindOf(spec).native(spec),
  }));
}

function isShape(shape: unknown): shape is [number, number, number] {
  return (
    Array.isArray(shape) &&
    shape.length === 3 &&
    shape.every((side) => Number.isSafeInteger(side) && side > 0)
  );
}

function nameLayers(specs: readonly LayerSpec[]): string[] {
  const taken = new Set<string>();
  for (const [i, spec] of specs.entries()) {
    validateLayer(`layers[${i}]`, spec);
    if (spec.name === undefined) continue;
    validateName(`layers[${i}].name`, spec.name);
    if (taken.has(spec.name)) {
      throw invalidArgument(`layers[${i}].name`, 'a name that no other layer of the model has', spec.name);
    }
    taken.add(spec.name);
  }
  const counters = new Map<string, number>();
  const automatic = (type: LayerSpec['type']): string => {
    const base = LAYER_KINDS[type].snakeCase;
    for (let n = counters.get(base) ?? 0; ; n++) {
      const name = n === 0 ? base : `${base}_${n}`;
      if (taken.has(name)) continue;
      counters.set(base, n + 1);
      return name;
    }
  };
  return specs.map((spec) => spec.name ?? automatic(spec.type));
}
