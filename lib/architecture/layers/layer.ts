import { ConvsweepError, invalidArgument } from '../../errors.js';
import type { NativeLayer } from '../../native/contract.js';
import type { PythonValue } from '../../python/json.js';
import { type Check, integer, oneOf, rejectUnknownOptions, requireInteger } from '../../validate.js';

/** What a layer's outputs pass through; softmax in the last layer only. */
export type Activation = 'linear' | 'relu' | 'softmax';
/** `valid` drops what no whole window covers, `same` pads with zeros (pooling: with nothing) as TensorFlow does. */
export type Padding = 'valid' | 'same';
/** A size in both directions, or `[height, width]`. */
export type Size2D = number | readonly [number, number];

/** What every layer's configuration has. */
export interface Named {
  /** Unique in its model. Default: Keras' snake-case class name with a counter (`conv2d`, `conv2d_1`, ...). */
  name?: string;
}

/** How a weight starts: Keras' GlorotUniform, or a constant. */
export type Initializer =
  | { type: 'glorotUniform'; fanIn: number; fanOut: number }
  | { type: 'zeros' | 'ones' };

/** A weight of a layer. */
export interface LayerWeight {
  /** `kernel`, `bias`, `gamma`, `beta`, `moving_mean` or `moving_variance` */
  variable: string;
  shape: number[];
  /** Default true. */
  trainable?: boolean;
  initializer: Initializer;
}

/** A layer's fields in Keras' configuration. */
export type KerasFields = { [key: string]: PythonValue };

/**
 * All there is to know of a kind of layer. Shapes have no batch dimension: `[height, width, channels]` or `[units]`.
 * @typeParam Spec its configuration, of which every field is required
 */
export interface LayerKind<Spec extends Named & { type: string }> {
  /** Keras' class, and that in snake case. */
  type: Spec['type'];
  snakeCase: string;
  /** What each field must be. */
  fields: { [Field in Exclude<keyof Spec, keyof Named | 'type'>]-?: Check };
  /** @param name of the layer, for messages @throws ConvsweepError `INVALID_ARGUMENT` where it does not fit its input */
  outputShape(spec: Spec, input: readonly number[], name: string): number[];
  /** In Keras' order. */
  weights(spec: Spec, input: readonly number[]): LayerWeight[];
  /** What the engine is told besides shapes; it may know the layer under another type. */
  native(spec: Spec): Omit<NativeLayer, 'inputShape' | 'outputShape'>;
  /** As Keras 2.8 writes it, field by field in its order. @param axis of the channels, the batch's being 0 */
  toKeras(spec: Spec, axis: number): KerasFields;
  /** The other way, from Keras 2 and 3; what comes out is checked by {@link fields}. */
  fromKeras(config: Record<string, unknown>): { [Field in keyof LayerKind<Spec>['fields']]: unknown };
}

/** A float32 array of more values than this cannot be allocated everywhere. */
export const MAX_VALUES = 2 ** 31 - 1;
/** The engine keeps where in its window a pooled value came from in 16 bits. */
const MAX_POSITIONS = 2 ** 16;

export const finite: Check = (name, value) => {
  if (!Number.isFinite(value)) throw invalidArgument(name, 'a finite number', value);
};
export const count = integer();
export const pair: Check = (name, value) => {
  if (!Array.isArray(value) || value.length !== 2)
    throw invalidArgument(name, 'a pair [height, width]', value);
  for (const [i, side] of value.entries()) requireInteger(`${name}[${i}]`, side);
};
export const flag: Check = (name, value) => {
  if (typeof value !== 'boolean') throw invalidArgument(name, 'true or false', value);
};
export const activation = oneOf(['linear', 'relu', 'softmax']);
export const padding = oneOf(['valid', 'same']);

export const ZEROS: Initializer = { type: 'zeros' };
export const ONES: Initializer = { type: 'ones' };

/** Kernel and, if wanted, bias. @param area positions of a window */
export function kernelAndBias(
  shape: number[],
  { area, useBias }: { area: number; useBias: boolean },
): LayerWeight[] {
  const [channels, units] = shape.slice(-2) as [number, number];
  const initializer: Initializer = { type: 'glorotUniform', fanIn: area * channels, fanOut: area * units };
  const kernel = { variable: 'kernel', shape, initializer };
  return useBias ? [kernel, { variable: 'bias', shape: [units], initializer: ZEROS }] : [kernel];
}

/** Keras' configuration of what starts as zeros and ones, and of kernel and bias. */
export const KERAS_ZEROS = { class_name: 'Zeros', config: {} };
export const KERAS_ONES = { class_name: 'Ones', config: {} };
export const KERAS_KERNEL_AND_BIAS = {
  kernel_initializer: { class_name: 'GlorotUniform', config: { seed: null } },
  bias_initializer: KERAS_ZEROS,
  kernel_regularizer: null,
  bias_regularizer: null,
  activity_regularizer: null,
  kernel_constraint: null,
  bias_constraint: null,
};

/** Of a window that slides over an image. @param what it is, such as `kernel` */
export interface SlidingWindow {
  what: string;
  window: readonly [number, number];
  strides: readonly [number, number];
  padding: Padding;
}

/**
 * How many positions a window has in both directions, as TensorFlow counts them.
 * @param layer its class, for messages
 * @throws ConvsweepError `INVALID_ARGUMENT`
 */
export function windowPositions(
  name: string,
  layer: string,
  { what, window, strides, padding }: SlidingWindow,
  input: readonly number[],
): [height: number, width: number] {
  const [height, width, channels] = input;
  if (height === undefined || width === undefined || channels === undefined) {
    throw misfit(
      name,
      `${layer} needs an image, but its input is a vector of ${input[0]}; put it before the Flatten`,
    );
  }
  if (product(window) > MAX_POSITIONS) {
    throw misfit(name, `${what} ${by(window)} has more than ${MAX_POSITIONS} positions`);
  }
  if (Math.max(...strides, height + window[0], width + window[1]) > MAX_VALUES) {
    throw misfit(
      name,
      `strides ${by(strides)} and ${what} ${by(window)} reach further than ${MAX_VALUES} positions`,
    );
  }
  if (padding === 'valid' && (window[0] > height || window[1] > width)) {
    throw misfit(name, `${what} ${by(window)} is larger than its input ${height} x ${width}`);
  }
  const side = (length: number, i: 0 | 1) =>
    padding === 'same' ? Math.ceil(length / strides[i]) : Math.floor((length - window[i]) / strides[i]) + 1;
  return [side(height, 0), side(width, 1)];
}

/** The error of the layer `name` that does not fit. */
export function misfit(name: string, problem: string): ConvsweepError {
  return new ConvsweepError('INVALID_ARGUMENT', `${name}: ${problem}`);
}

/**
 * A configuration from defaults and options.
 * @param factory how users call it, for messages
 * @param sizes names of the fields that may be one number for both sides
 * @throws ConvsweepError `INVALID_ARGUMENT` naming the option that is unknown, missing or out of range
 */
export function buildLayer<Spec extends Named & { type: string }>(
  kind: LayerKind<Spec>,
  factory: string,
  defaults: object,
  options: object,
  sizes: readonly string[] = [],
): Spec {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw invalidArgument(`the options of layers.${factory}`, 'an object', options);
  }
  rejectUnknownOptions(`layers.${factory}`, options, [...Object.keys(kind.fields), 'name']);
  const spec: Record<string, unknown> = { type: kind.type, ...defaults };
  for (const [key, value] of Object.entries(options)) if (value !== undefined) spec[key] = value;
  for (const key of sizes) {
    const size = spec[key];
    if (typeof size === 'number') spec[key] = [size, size];
    else if (Array.isArray(size)) spec[key] = [...size];
    else throw invalidArgument(`${factory}.${key}`, 'a positive integer or a pair [height, width]', size);
  }
  requireFields(kind, factory, spec);
  return spec as unknown as Spec;
}

/** Throws unless `spec` has every field of its kind, and no other. @param where how messages call it, e.g. `layers[2]` */
export function requireFields<Spec extends Named & { type: string }>(
  { fields }: LayerKind<Spec>,
  where: string,
  spec: Readonly<Record<string, unknown>>,
): void {
  rejectUnknownOptions(where, spec, ['type', ...Object.keys(fields), 'name']);
  for (const [field, check] of Object.entries(fields) as [string, Check][]) {
    check(`${where}.${field}`, spec[field]);
  }
  if (spec.name !== undefined) validateName(`${where}.name`, spec.name);
}

/** The names of layers and models that Keras accepts as TensorFlow scopes and as paths in HDF5. */
const NAME = /^[A-Za-z0-9.][A-Za-z0-9_.-]*$/;

/** Throws unless `name` can name a layer or a model. */
export function validateName(argument: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalidArgument(argument, 'a name of letters, digits, "_", "-" and "."', name);
  }
}

export const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** `28 x 28 x 1` */
export const by = (shape: readonly number[]): string => shape.join(' x ');
