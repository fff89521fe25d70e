import { invalidArgument } from '../errors.js';
import { ACTIVATION, type ActivationSpec, activation } from './layers/activation.js';
import {
  BATCH_NORMALIZATION,
  type BatchNormalizationSpec,
  batchNormalization,
} from './layers/batch-normalization.js';
import { CONV2D, type Conv2DSpec, conv2d } from './layers/conv2d.js';
import { DENSE, type DenseSpec, dense } from './layers/dense.js';
import { DROPOUT, type DropoutSpec, dropout } from './layers/dropout.js';
import { FLATTEN, type FlattenSpec, flatten } from './layers/flatten.js';
import { type LayerKind, requireFields } from './layers/layer.js';
import { MAX_POOLING2D, type MaxPooling2DSpec, maxPooling2d } from './layers/max-pooling2d.js';
import { RESCALING, type RescalingSpec, rescaling } from './layers/rescaling.js';

export type { Activation, Padding, Size2D } from './layers/layer.js';
export type {
  ActivationSpec,
  BatchNormalizationSpec,
  Conv2DSpec,
  DenseSpec,
  DropoutSpec,
  FlattenSpec,
  MaxPooling2DSpec,
  RescalingSpec,
};

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

/** All kinds of layers. */
export const LAYER_KINDS: { readonly [Type in LayerSpec['type']]: LayerKind<SpecOf<Type>> } = {
  Rescaling: RESCALING,
  Conv2D: CONV2D,
  MaxPooling2D: MAX_POOLING2D,
  BatchNormalization: BATCH_NORMALIZATION,
  Flatten: FLATTEN,
  Dense: DENSE,
  Dropout: DROPOUT,
  Activation: ACTIVATION,
};

/** What is known of the layer's kind. */
export function kindOf<Spec extends LayerSpec>({ type }: Spec): LayerKind<Spec> {
  return LAYER_KINDS[type] as unknown as LayerKind<Spec>;
}

/**
 * Throws unless `spec` is a complete and valid layer configuration.
 * @param where how messages call it, e.g. `layers[2]`
 * @throws ConvsweepError `INVALID_ARGUMENT` naming the field
 */
export function validateLayer(where: string, spec: unknown): asserts spec is LayerSpec {
  const type = (spec as LayerSpec | null | undefined)?.type;
  if (typeof type !== 'string' || !Object.hasOwn(LAYER_KINDS, type)) {
    throw invalidArgument(
      where,
      `a layer made by layers.conv2d(...) and the like, of type ${Object.keys(LAYER_KINDS).join(', ')}`,
      typeof type === 'string' ? type : spec,
    );
  }
  requireFields(kindOf(spec as LayerSpec), where, spec as unknown as Record<string, unknown>);
}

/**
 * The layers, with Keras' names and defaults. Each returns plain data for `sequential` and throws a ConvsweepError
 * `INVALID_ARGUMENT` naming the option that is unknown, missing or out of range.
 */
export const layers = {
  rescaling,
  conv2d,
  maxPooling2d,
  batchNormalization,
  flatten,
  dense,
  dropout,
  activation,
};
