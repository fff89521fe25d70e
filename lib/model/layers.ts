import { invalidArgument } from '../errors.js';
import { rejectUnknownOptions, requireInteger } from '../validate.js';

/** What a layer's outputs pass through; softmax in the last layer only. */
export type Activation = 'linear' | 'relu' | 'softmax';
/** `valid` drops what no whole window covers, `same` pads with zeros (pooling: with nothing) as TensorFlow does. */
export type Padding = 'valid' | 'same';

interface Named {
  /** Unique in its model. Default: Keras' snake-case class name with a counter (`conv2d`, `conv2d_1`, ...). */
  name?: string;
}

/** y = x * scale + offset. */
export interface RescalingSpec extends Named {
  type: 'Rescaling';
  scale: number;
  offset: number;
}
/** Cross-correlation, channels last, with Keras' defaults: GlorotUniform kernel `[kh, kw, in, filters]`, zero bias. */
export interface Conv2DSpec extends Named {
  type: 'Conv2D';
  filters: number;
  kernelSize: [number, number];
  strides: [number, number];
  padding: Padding;
  activation: Activation;
  useBias: boolean;
}
/** The largest value of each window; its gradient goes to the first largest in row-major order. */
export interface MaxPooling2DSpec extends Named {
  type: 'MaxPooling2D';
  poolSize: [number, number];
  strides: [number, number];
  padding: Padding;
}
/** Keras 2.8's batch normalisation over the last axis, with scale and centre. */
export interface BatchNormalizationSpec extends Named {
  type: 'BatchNormalization';
  momentum: number;
  epsilon: number;
}
export interface FlattenSpec extends Named {
  type: 'Flatten';
}
/** y = activation(x K + b), kernel `[in, units]`. */
export interface DenseSpec extends Named {
  type: 'Dense';
  units: number;
  activation: Activation;
  useBias: boolean;
}
/** In training, zeroes each input with probability `rate` and scales the others by 1 / (1 - rate). */
export interface DropoutSpec extends Named {
  type: 'Dropout';
  rate: number;
}
export interface ActivationSpec extends Named {
  type: 'Activation';
  activation: Activation;
}

/** A layer's configuration; plain data, so that a model can be described, saved and sent to another thread. */
export type LayerSpec =
  | RescalingSpec
  | Conv2DSpec
  | MaxPooling2DSpec
  | BatchNormalizationSpec
  | FlattenSpec
  | DenseSpec
  | DropoutSpec
  | ActivationSpec;

/** Any of the layers' configurations, by its type. */
export type SpecOf<Type extends LayerSpec['type']> = Extract<LayerSpec, { type: Type }>;

/** A size in both directions, or `[height, width]`. */
export type Size2D = number | readonly [number, number];

type Check = (name: string, value: unknown) => void;

const finite: Check = (name, value) => {
  if (!Number.isFinite(value)) throw invalidArgument(name, 'a finite number', value);
};
const count: Check = (name, value) => requireInteger(name, value);
const pair: Check = (name, value) => {
  if (!Array.isArray(value) || value.length !== 2)
    throw invalidArgument(name, 'a pair [height, width]', value);
  for (const [i, side] of value.entries()) requireInteger(`${name}[${i}]`, side);
};
const flag: Check = (name, value) => {
  if (typeof value !== 'boolean') throw invalidArgument(name, 'true or false', value);
};
const oneOf =
  (...choices: string[]): Check =>
  (name, value) => {
    if (!choices.includes(value as string)) {
      throw invalidArgument(name, choices.map((choice) => JSON.stringify(choice)).join(' or '), value);
    }
  };
const atLeastZeroBelowOne: Check = (name, value) => {
  if (!(typeof value === 'number' && value >= 0 && value < 1)) {
    throw invalidArgument(name, 'a number of at least 0 and below 1', value);
  }
};
const momentum: Check = (name, value) => {
  if (!(typeof value === 'number' && value >= 0 && value <= 1)) {
    throw invalidArgument(name, 'a number from 0 to 1', value);
  }
};
const positive: Check = (name, value) => {
  if (!(Number.isFinite(value) && (value as number) > 0))
    throw invalidArgument(name, 'a positive number', value);
};
const activation = oneOf('linear', 'relu', 'softmax');
const padding = oneOf('valid', 'same');

/** What each field of each type must be; every field is required here, the factories fill in the defaults. */
const FIELDS: { [Type in LayerSpec['type']]: Record<Exclude<keyof SpecOf<Type>, 'type' | 'name'>, Check> } = {
  Rescaling: { scale: finite, offset: finite },
  Conv2D: { filters: count, kernelSize: pair, strides: pair, padding, activation, useBias: flag },
  MaxPooling2D: { poolSize: pair, strides: pair, padding },
  BatchNormalization: { momentum, epsilon: positive },
  Flatten: {},
  Dense: { units: count, activation, useBias: flag },
  Dropout: { rate: atLeastZeroBelowOne },
  Activation: { activation },
};

/** The names of layers and models that Keras accepts as TensorFlow scopes and as paths in HDF5. */
const NAME = /^[A-Za-z0-9.][A-Za-z0-9_.-]*$/;

/** Throws unless `name` can name a layer or a model. */
export function validateName(argument: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalidArgument(argument, 'a name of letters, digits, "_", "-" and "."', name);
  }
}

/**
 * Throws unless `spec` is a complete and valid layer configuration.
 * @param where how messages call it, e.g. `layers[2]`
 * @throws ConvsweepError `INVALID_ARGUMENT` naming the field
 */
export function validateLayer(where: string, spec: unknown): asserts spec is LayerSpec {
  const type = (spec as LayerSpec | null | undefined)?.type;
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type)) {
    throw invalidArgument(
      where,
      `a layer made by layers.conv2d(...) and the like, of type ${Object.keys(FIELDS).join(', ')}`,
      typeof type === 'string' ? type : spec,
    );
  }
  const fields = FIELDS[type] as Record<string, Check>;
  const values = spec as unknown as Record<string, unknown>;
  rejectUnknownOptions(where, values, ['type', ...Object.keys(fields), 'name']);
  for (const [field, check] of Object.entries(fields)) check(`${where}.${field}`, values[field]);
  if (values.name !== undefined) validateName(`${where}.name`, values.name);
}

/** The spec of `defaults` overlaid with the given options; `sizes` names those that may be one number for both sides. */
function build<Type extends LayerSpec['type']>(
  factory: string,
  defaults: { type: Type },
  options: object,
  sizes: readonly string[] = [],
): SpecOf<Type> {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw invalidArgument(`the options of layers.${factory}`, 'an object', options);
  }
  rejectUnknownOptions(`layers.${factory}`, options, [...Object.keys(FIELDS[defaults.type]), 'name']);
  const spec: Record<string, unknown> = { ...defaults };
  for (const [key, value] of Object.entries(options)) if (value !== undefined) spec[key] = value;
  for (const key of sizes) {
    const size = spec[key];
    if (typeof size === 'number') spec[key] = [size, size];
    else if (Array.isArray(size)) spec[key] = [...size];
    else throw invalidArgument(`${factory}.${key}`, 'a positive integer or a pair [height, width]', size);
  }
  validateLayer(factory, spec);
  return spec as unknown as SpecOf<Type>;
}

/**
 * The layers, with Keras' names and defaults. Each returns plain data for `sequential` and throws a ConvsweepError
 * `INVALID_ARGUMENT` naming the option that is unknown, missing or out of range.
 */
export const layers = {
  /** y = x * scale + offset, in training and inference; `offset` is 0 by default. */
  rescaling(options: { scale: number; offset?: number; name?: string }): RescalingSpec {
    const defaults = { type: 'Rescaling', offset: 0 } as const;
    return build('rescaling', defaults, options);
  },

  /**
   * Defaults: `strides` 1, `padding` `valid`, `activation` `linear`, `useBias` true. The kernel has at most 65,536
   * positions.
   */
  conv2d(options: {
    filters: number;
    kernelSize: Size2D;
    strides?: Size2D;
    padding?: Padding;
    activation?: Activation;
    useBias?: boolean;
    name?: string;
  }): Conv2DSpec {
    const defaults = {
      type: 'Conv2D',
      strides: 1,
      padding: 'valid',
      activation: 'linear',
      useBias: true,
    } as const;
    return build('conv2d', defaults, options, ['kernelSize', 'strides']);
  },

  /** Defaults: `poolSize` 2, `strides` the pool size, `padding` `valid`. The pool has at most 65,536 positions. */
  maxPooling2d(
    options: { poolSize?: Size2D; strides?: Size2D; padding?: Padding; name?: string } = {},
  ): MaxPooling2DSpec {
    const poolSize = options?.poolSize ?? 2;
    const defaults = { type: 'MaxPooling2D', poolSize, strides: poolSize, padding: 'valid' } as const;
    return build('maxPooling2d', defaults, options, ['poolSize', 'strides']);
  },

  /** Defaults: `momentum` 0.99, `epsilon` 0.001. */
  batchNormalization(
    options: { momentum?: number; epsilon?: number; name?: string } = {},
  ): BatchNormalizationSpec {
    const defaults = { type: 'BatchNormalization', momentum: 0.99, epsilon: 0.001 } as const;
    return build('batchNormalization', defaults, options);
  },

  /** `[height, width, channels]` to `[height * width * channels]`, row-major. */
  flatten(options: { name?: string } = {}): FlattenSpec {
    return build('flatten', { type: 'Flatten' }, options);
  },

  /** Defaults: `activation` `linear`, `useBias` true. */
  dense(options: { units: number; activation?: Activation; useBias?: boolean; name?: string }): DenseSpec {
    const defaults = { type: 'Dense', activation: 'linear', useBias: true } as const;
    return build('dense', defaults, options);
  },

  /** `rate` is the fraction of inputs zeroed in training. */
  dropout(options: { rate: number; name?: string }): DropoutSpec {
    return build('dropout', { type: 'Dropout' }, options);
  },

  /** `layers.activation('relu')`. */
  activation(activation: Activation, options: { name?: string } = {}): ActivationSpec {
    return build('activation', { type: 'Activation' }, { ...options, activation });
  },
};
