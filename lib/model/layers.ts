import { invalidArgument, rejectUnknownOptions, requireInteger } from '../errors.js';

export type Activation = 'linear' | 'relu' | 'softmax';
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
