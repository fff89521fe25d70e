/**
 * The JSON in Keras model files: `model_config` and `training_config` of `.h5`, written as Keras 2.8 writes them, and
 * `config.json` of `.keras`, in the form that Keras 3 and tf_keras both accept; read as Keras 2 and Keras 3 write
 * them. What would change the model's numbers and is not supported is an error, also what matters in training only
 * (regularizers, constraints, frozen layers); initializers are not read, since the weights are.
 */

import { type Adam, resolveAdam } from '../architecture/adam.js';
import { type KerasFields, validateName } from '../architecture/layers/layer.js';
import { kindOf, LAYER_KINDS, type LayerSpec, validateLayer } from '../architecture/layers.js';
import {
  type Architecture,
  type NamedLayerSpec,
  requireClassifier,
  resolveLayers,
} from '../architecture/resolve-layers.js';
import { type ConvsweepError, describeValue } from '../errors.js';
import { PythonFloat, type PythonValue } from '../python/json.js';
import { invalid } from './invalid.js';

/** The value of `model_config`, field by field in Keras 2.8's order. */
export function modelConfig(name: string, { layers, inputShape }: Architecture): PythonValue {
  const batchInputShape = [null, ...inputShape];
  const inputLayer = {
    batch_input_shape: batchInputShape,
    dtype: 'float32',
    sparse: false,
    ragged: false,
    name: `${layers[0]!.name}_input`,
  };
  return {
    class_name: 'Sequential',
    config: {
      name,
      layers: [
        { class_name: 'InputLayer', config: inputLayer },
        ...layers.map((layer, i) => ({
          class_name: layer.spec.type,
          config: {
            name: layer.name,
            trainable: true,
            ...(i === 0 && { batch_input_shape: batchInputShape }),
            dtype: 'float32',
            ...kindOf(layer.spec).toKeras(layer.spec, layer.inputShape.length),
          },
        })),
      ],
    },
  };
}

/** The value of `training_config` for Adam, sparse categorical cross-entropy and accuracy. */
export function trainingConfig(adam: Adam): PythonValue {
  const float32 = (value: number) => new PythonFloat(Math.fround(value));
  return {
    loss: 'sparse_categorical_crossentropy',
    metrics: [
      [
        {
          class_name: 'MeanMetricWrapper',
          config: { name: 'accuracy', dtype: 'float32', fn: 'sparse_categorical_accuracy' },
        },
      ],
    ],
    weighted_metrics: null,
    loss_weights: null,
    optimizer_config: {
      class_name: 'Adam',
      config: {
        name: 'Adam',
        learning_rate: float32(adam.learningRate),
        decay: new PythonFloat(0),
        beta_1: float32(adam.beta1),
        beta_2: float32(adam.beta2),
        epsilon: new PythonFloat(adam.epsilon),
        amsgrad: false,
      },
    },
  };
}

/** The value of `config.json`; without `adam` that of a model that is not compiled. */
export function kerasV3Config(
  name: string,
  { layers, inputShape }: Architecture,
  adam: Adam | undefined,
): PythonValue {
  // tf_keras reads `batch_input_shape` only, Keras 3 reads both.
  const inputLayer = {
    batch_input_shape: [null, ...inputShape],
    dtype: 'float32',
    sparse: false,
    ragged: false,
    name: `${layers[0]!.name}_input`,
  };
  const config = {
    name,
    layers: [
      moduleObject('keras.layers', 'InputLayer', inputLayer),
      ...layers.map((layer) =>
        moduleObject('keras.layers', layer.spec.type, {
          name: layer.name,
          trainable: true,
          dtype: 'float32',
          ...layerFieldsV3(layer.spec, layer.inputShape.length),
        }),
      ),
    ],
  };
  const model = moduleObject('keras', 'Sequential', config);
  if (adam === undefined) return model;
  const optimizer = {
    name: 'adam',
    learning_rate: new PythonFloat(adam.learningRate),
    beta_1: new PythonFloat(adam.beta1),
    beta_2: new PythonFloat(adam.beta2),
    epsilon: new PythonFloat(adam.epsilon),
    amsgrad: false,
  };
  const compile_config = {
    optimizer: moduleObject('keras.optimizers', 'Adam', optimizer),
    loss: 'sparse_categorical_crossentropy',
    metrics: ['accuracy'],
  };
  return { ...model, compile_config };
}

/** An object as Keras 3 names it. */
function moduleObject(module: string, class_name: string, config: KerasFields): KerasFields {
  return { module, class_name, config, registered_name: null };
}

/** The layer's fields with initializers of Keras 3's form, and the axis as a number, which Keras 3 requires. */
function layerFieldsV3(spec: LayerSpec, axis: number): KerasFields {
  const entries = Object.entries(kindOf(spec).toKeras(spec, axis)).map(([key, value]) => {
    if (key === 'axis') return [key, axis];
    if (!key.endsWith('_initializer')) return [key, value];
    const { class_name, config } = value as { class_name: string; config: KerasFields };
    return [key, moduleObject('keras.initializers', class_name, config)];
  });
  return Object.fromEntries(entries);
}

type Config = Record<string, unknown>;

/** What `model_config` describes. */
export interface ParsedModelConfig {
  name: string;
  architecture: Architecture;
}

/**
 * Reads `model_config`.
 * @throws ConvsweepError `INVALID_MODEL` naming what is missing or unsupported
 */
export function parseModelConfig(json: string): ParsedModelConfig {
  const model = parseObject('model_config', json);
  if (model.class_name !== 'Sequential') {
    throw unsupported(`model class ${describeValue(model.class_name)}`, 'Sequential');
  }
  const config = requireObject('config in model_config', model.config);
  const { name } = config;
  asInvalidModel(() => validateName('the name of the model', name));
  if (!Array.isArray(config.layers)) throw invalid('model_config has no list of layers');
  const entries = config.layers.map((layer, i): [string, Config] => {
    const entry = requireObject(`layer ${i} in model_config`, layer);
    if (![undefined, 'keras.layers'].includes(entry.module as string | undefined)) {
      throw unsupported(
        `layer ${i} of module ${describeValue(entry.module)}`,
        "Keras' own layers (module keras.layers)",
      );
    }
    return [asName(entry.class_name), requireObject(`config of layer ${i} in model_config`, entry.config)];
  });
  const shapes = entries.map(([, layer]) => layer.batch_input_shape ?? layer.batch_shape);
  const inputShape = parseInputShape(shapes.find((shape) => shape != null) ?? config.build_input_shape);
  const layers = entries.filter(([type]) => type !== 'InputLayer');
  const specs = layers.map(([type, layer]) => parseLayer(type, layer));
  const architecture = asInvalidModel(() => resolveLayers(specs, inputShape));
  for (const [i, { name, inputShape }] of architecture.layers.entries()) {
    const { axis } = layers[i]![1];
    const axes = [axis].flat();
    if (axis !== undefined && (axes.length !== 1 || ![-1, inputShape.length].includes(axes[0] as number))) {
      throw unsupported(
        `${name} with axis ${JSON.stringify(axis)}`,
        'batch normalization over the last axis',
      );
    }
  }
  asInvalidModel(() => requireClassifier(architecture));
  return { name: name as string, architecture };
}

const UNCOMPILED = "save the model without it: model.save('model.h5', include_optimizer=False)";

/**
 * Reads `training_config`.
 * @throws ConvsweepError `INVALID_MODEL` unless it is Adam on sparse categorical cross-entropy
 */
export function parseTrainingConfig(json: string): Adam {
  return readTraining(parseObject('training_config', json));
}

/**
 * Reads what `config.json` says of training; undefined when it names no optimizer: the model was not compiled, or Keras
 * had saved it as `.h5` before, which makes it forget.
 * @throws ConvsweepError `INVALID_MODEL` unless it is Adam on sparse categorical cross-entropy
 */
export function parseCompileConfig(json: string): Adam | undefined {
  const { compile_config } = parseObject('config.json', json);
  const { loss, optimizer } = requireObject('compile_config', compile_config ?? {});
  return optimizer === undefined ? undefined : readTraining({ loss, optimizer_config: optimizer });
}

function readTraining(training: Config): Adam {
  const loss = nameAndConfig(training.loss);
  if (!['sparse_categorical_crossentropy', 'SparseCategoricalCrossentropy'].includes(loss.name)) {
    throw unsupported(`loss ${describeValue(loss.name)}`, 'sparse_categorical_crossentropy', UNCOMPILED);
  }
  if (loss.config.from_logits) throw unsupported('a loss from logits', 'a final softmax', UNCOMPILED);
  const optimizer = nameAndConfig(training.optimizer_config);
  // TensorFlow 2.9 and 2.10 save their new optimizers under "Custom>".
  if (optimizer.name.replace('Custom>', '') !== 'Adam') {
    throw unsupported(`optimizer ${describeValue(optimizer.name)}`, 'Adam', UNCOMPILED);
  }
  for (const key of ADAM_EXTRAS) {
    if (optimizer.config[key]) throw unsupported(`Adam with ${key}`, 'Adam without it', UNCOMPILED);
  }
  const read = (key: string): number => {
    const value = optimizer.config[key];
    if (!Number.isFinite(value))
      throw unsupported(`Adam with ${key} ${JSON.stringify(value)}`, 'a number', UNCOMPILED);
    return value as number;
  };
  const adam = {
    learningRate: read('learning_rate'),
    beta1: read('beta_1'),
    beta2: read('beta_2'),
    epsilon: read('epsilon'),
  };
  return asInvalidModel(() => resolveAdam(adam));
}

/** Options of Adam in some Keras version that change its steps. */
const ADAM_EXTRAS = [
  'amsgrad',
  'decay',
  'weight_decay',
  'clipnorm',
  'clipvalue',
  'global_clipnorm',
  'use_ema',
  'loss_scale_factor',
  'gradient_accumulation_steps',
];

/** Runs `resolve` and turns what it throws about its arguments into an error about the file. */
function asInvalidModel<T>(resolve: () => T): T {
  try {
    return resolve();
  } catch (cause) {
    throw invalid((cause as Error).message, cause);
  }
}

function parseInputShape(shape: unknown): number[] {
  if (!Array.isArray(shape))
    throw invalid('model_config has no input shape; build the model before saving it');
  if (shape.length !== 4 || !shape.slice(1).every((side) => Number.isSafeInteger(side) && side > 0)) {
    throw unsupported(`input shape ${JSON.stringify(shape)}`, '[null, height, width, channels]');
  }
  return shape.slice(1);
}

function parseLayer(type: string, config: Config): NamedLayerSpec {
  if (typeof config.name !== 'string') throw invalid(`model_config has a ${type} without a name`);
  const name = config.name;
  if (!Object.hasOwn(LAYER_KINDS, type)) {
    throw unsupported(`layer ${name} of class ${describeValue(type)}`, Object.keys(LAYER_KINDS).join(', '));
  }
  for (const [key, value] of Object.entries(config)) {
    for (const [pattern, isSupported, supported] of SUPPORTED_VALUES) {
      if (!pattern.test(key) || isSupported(value)) continue;
      throw unsupported(`${name} with ${key} ${JSON.stringify(value).slice(0, 120)}`, supported);
    }
  }
  const spec = { type, ...LAYER_KINDS[type as LayerSpec['type']].fromKeras(config), name };
  asInvalidModel(() => validateLayer(name, spec));
  return spec as unknown as NamedLayerSpec;
}

/** Fields that have one supported value, wherever they occur: which, whether a value is it, and what it is. */
const SUPPORTED_VALUES: [RegExp, (value: unknown) => boolean, string][] = [
  [/^trainable$/, (value) => value === true, 'trainable layers'],
  [/^dtype$/, (value) => nameAndConfig(value).config.name === 'float32' || value === 'float32', 'float32'],
  [/^data_format$/, (value) => value === 'channels_last' || value === null, 'channels_last'],
  [/^dilation_rate$/, (value) => [value].flat().every((rate) => rate === 1), 'dilation 1'],
  [/^groups$/, (value) => value === 1, 'one group'],
  [/^(center|scale)$/, (value) => value !== false, 'center and scale'],
  [/_(regularizer|constraint)$|^noise_shape$/, (value) => value === null, 'null'],
  [/^(renorm|virtual_batch_size|synchronized|quantization_config)$/, (value) => !value, 'false or null'],
];

/**
 * Keras writes an object of a known class as its name, or as `{ class_name, config }`; a function as the latter, with
 * its name for `config`.
 */
function nameAndConfig(value: unknown): { name: string; config: Config } {
  if (value === null || typeof value !== 'object') return { name: asName(value), config: {} };
  const { class_name, config } = value as Config;
  if (class_name === 'function') return { name: asName(config), config: {} };
  return { name: asName(class_name), config: (config ?? {}) as Config };
}

/** What is no name reads as what it is, which no name does. */
function asName(value: unknown): string {
  return typeof value === 'string' ? value : describeValue(value);
}

/** Far more than any model's; deeper, what walks through it would run out of stack. */
const MAX_DEPTH = 100;

function parseObject(what: string, json: string): Config {
  if (depthOf(json) > MAX_DEPTH) throw invalid(`${what} is nested more than ${MAX_DEPTH} deep`);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalid(`${what} is not valid JSON`, cause);
  }
  return requireObject(what, value);
}

/** How deep lists and objects are in each other. */
function depthOf(json: string): number {
  let [depth, deepest] = [0, 0];
  let isText = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!;
    if (isText && character === '\\') i++;
    else if (character === '"') isText = !isText;
    else if (!isText && (character === '[' || character === '{')) deepest = Math.max(deepest, ++depth);
    else if (!isText && (character === ']' || character === '}')) depth--;
  }
  return deepest;
}

function requireObject(what: string, value: unknown): Config {
  if (value === null || typeof value !== 'object')
    throw invalid(`${what} is not an object but ${describeValue(value)}`);
  return value as Config;
}

function unsupported(what: string, supported: string, remedy?: string): ConvsweepError {
  return invalid(`${what} is not supported, only ${supported}${remedy ? `; ${remedy}` : ''}`);
}
