import { ConvsweepError, invalidArgument } from '../errors.js';
import type { NativeLayer } from '../native.js';
import { type LayerSpec, validateLayer, validateName } from './layers.js';

/** How a weight starts: Keras' GlorotUniform, or a constant. */
export type Initializer =
  | { type: 'glorotUniform'; fanIn: number; fanOut: number }
  | { type: 'zeros' | 'ones' };

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

/** A float32 array of more values than this cannot be allocated everywhere. */
const MAX_VALUES = 2 ** 31 - 1;
/** The engine keeps where in its window a pooled value came from in 16 bits. */
const MAX_POSITIONS = 2 ** 16;

/** Keras' snake-case class names, which automatic layer names start with, and names in `.keras` files. */
export const SNAKE_CASE: Record<LayerSpec['type'], string> = {
  Rescaling: 'rescaling',
  Conv2D: 'conv2d',
  MaxPooling2D: 'max_pooling2d',
  BatchNormalization: 'batch_normalization',
  Flatten: 'flatten',
  Dense: 'dense',
  Dropout: 'dropout',
  Activation: 'activation',
};

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
    shape = outputShape(name, spec, input);
    const weights = layerWeights(name, spec, input).map((weight) => {
      const kind = weight.trainable ? 'trainable' : 'nonTrainable';
      const offset = offsets[kind];
      offsets[kind] += weight.size;
      return { ...weight, offset };
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
  return architecture.layers.map(({ spec, inputShape, outputShape }): NativeLayer => {
    const shapes = { type: spec.type, inputShape, outputShape };
    switch (spec.type) {
      case 'Rescaling':
        return { ...shapes, scale: spec.scale, offset: spec.offset };
      case 'Conv2D':
        return {
          ...shapes,
          activation: spec.activation,
          useBias: spec.useBias,
          window: spec.kernelSize,
          strides: spec.strides,
        };
      case 'MaxPooling2D':
        return { ...shapes, window: spec.poolSize, strides: spec.strides };
      case 'BatchNormalization':
        return { ...shapes, momentum: spec.momentum, epsilon: spec.epsilon };
      case 'Dense':
        return { ...shapes, activation: spec.activation, useBias: spec.useBias };
      case 'Dropout':
        return { ...shapes, rate: spec.rate };
      case 'Activation':
        return { ...shapes, activation: spec.activation };
      default:
        return shapes;
    }
  });
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
    const base = SNAKE_CASE[type];
    for (let n = counters.get(base) ?? 0; ; n++) {
      const name = n === 0 ? base : `${base}_${n}`;
      if (taken.has(name)) continue;
      counters.set(base, n + 1);
      return name;
    }
  };
  return specs.map((spec) => spec.name ?? automatic(spec.type));
}

function outputShape(name: string, spec: LayerSpec, input: number[]): number[] {
  const fail = (problem: string) => new ConvsweepError('INVALID_ARGUMENT', `${name}: ${problem}`);
  switch (spec.type) {
    case 'Conv2D':
    case 'MaxPooling2D': {
      const [height, width, channels] = input;
      if (height === undefined || width === undefined || channels === undefined) {
        throw fail(
          `${spec.type} needs an image, but its input is a vector of ${input[0]}; put it before the Flatten`,
        );
      }
      const [what, window] = spec.type === 'Conv2D' ? ['kernel', spec.kernelSize] : ['pool', spec.poolSize];
      if (product(window) > MAX_POSITIONS) {
        throw fail(`${what} ${by(window)} has more than ${MAX_POSITIONS} positions`);
      }
      if (Math.max(...spec.strides, height + window[0], width + window[1]) > MAX_VALUES) {
        throw fail(
          `strides ${by(spec.strides)} and ${what} ${by(window)} reach further than ${MAX_VALUES} positions`,
        );
      }
      if (spec.padding === 'valid' && (window[0] > height || window[1] > width)) {
        throw fail(`${what} ${by(window)} is larger than its input ${height} x ${width}`);
      }
      const side = (length: number, i: 0 | 1) =>
        spec.padding === 'same'
          ? Math.ceil(length / spec.strides[i])
          : Math.floor((length - window[i]) / spec.strides[i]) + 1;
      return [side(height, 0), side(width, 1), spec.type === 'Conv2D' ? spec.filters : channels];
    }
    case 'Dense':
      if (input.length !== 1) {
        throw fail(
          `Dense needs a vector, but its input is an image of ${by(input)}; add layers.flatten() before it`,
        );
      }
      return [spec.units];
    case 'Flatten':
      return [product(input)];
    default:
      return input;
  }
}

function layerWeights(name: string, spec: LayerSpec, input: number[]): Omit<Weight, 'offset'>[] {
  const channels = input.at(-1)!;
  const weight = (variable: string, shape: number[], initializer: Initializer, trainable = true) => ({
    name: `${name}/${variable}`,
    variable,
    shape,
    size: product(shape),
    trainable,
    initializer,
  });
  const zeros: Initializer = { type: 'zeros' };
  const ones: Initializer = { type: 'ones' };
  switch (spec.type) {
    case 'Conv2D': {
      const area = product(spec.kernelSize);
      const kernel = weight('kernel', [...spec.kernelSize, channels, spec.filters], {
        type: 'glorotUniform',
        fanIn: area * channels,
        fanOut: area * spec.filters,
      });
      return spec.useBias ? [kernel, weight('bias', [spec.filters], zeros)] : [kernel];
    }
    case 'Dense': {
      const kernel = weight('kernel', [channels, spec.units], {
        type: 'glorotUniform',
        fanIn: channels,
        fanOut: spec.units,
      });
      return spec.useBias ? [kernel, weight('bias', [spec.units], zeros)] : [kernel];
    }
    case 'BatchNormalization':
      return [
        weight('gamma', [channels], ones),
        weight('beta', [channels], zeros),
        weight('moving_mean', [channels], zeros, false),
        weight('moving_variance', [channels], ones, false),
      ];
    default:
      return [];
  }
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** `28 x 28 x 1` */
const by = (shape: readonly number[]): string => shape.join(' x ');
