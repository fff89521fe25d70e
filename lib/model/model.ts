import { types } from 'node:util';
import type { Adam } from '../architecture/adam.js';
import { BLUEPRINT_OPTIONS, Blueprint, type BlueprintOptions } from '../architecture/blueprint.js';
import type { LayerSpec } from '../architecture/layers.js';
import {
  type Architecture,
  type NamedLayerSpec,
  type ParameterCounts,
  toNativeLayers,
} from '../architecture/resolve-layers.js';
import {
  type NamedWeight,
  packTrainable,
  packWeights,
  unpackTrainable,
  unpackWeights,
  validateWeights,
} from '../architecture/weights.js';
import { Dataset } from '../data/dataset.js';
import { type Origin, originOf } from '../data/origin.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { readKerasFile, writeKerasFile } from '../formats/keras-file.js';
import { callNative, runNative } from '../native/calls.js';
import type { NativeDataset, NativeNetwork, NativeState } from '../native/contract.js';
import { copyToDevice, deviceData } from '../native/device-data.js';
import {
  type DeviceName,
  type Precision,
  type ResolvedDevice,
  resolveDevice,
  resolvePrecision,
} from '../native/devices.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { deriveSeed } from '../random.js';
import type { ModelSnapshot, TrainingModel } from '../training/callback.js';
import { fit as runFit } from '../training/fit.js';
import type { FitOptions } from '../training/fit-options.js';
import type { History } from '../training/history.js';
import type { Metrics, Trainer } from '../training/trainer.js';
import { integer, rejectUnknownOptions, requireSignal } from '../validate.js';
import { initialWeights } from './initializers.js';

/** Options of {@link sequential}. */
export interface ModelOptions extends BlueprintOptions {
  /** Of the initial weights, dropout and the order of images: an integer of at least 0. Default 0. */
  seed?: number;
  /** Default `auto`: a working GPU if there is one, else the CPU. */
  device?: DeviceName;
  /** Of convolutions and matrix products. Default `auto`: `tf32` on a GPU, as in Keras, `fp32` on the CPU. */
  precision?: Precision;
  /**
   * On the CPU: the most threads that work on one call. They are those that no other call needs; results do not depend on
   * their number. Default: as many as there are cores.
   */
  threads?: number;
}

/** Options of calls that run over images without training. */
export interface InferenceOptions {
  /** Images per step; changes speed and memory only. Default 128. */
  batchSize?: number;
  /** Stops the call, which then rejects with code `ABORTED`. */
  signal?: AbortSignal;
}

const OPTIONS = {
  ...BLUEPRINT_OPTIONS,
  seed: { default: 0, check: integer(0) },
  device: { default: 'auto' },
  precision: { default: 'auto' },
  threads: { check: integer() },
} as const satisfies OptionTable<ModelOptions>;

/** Of {@link Model.load}; the file says the rest. */
type LoadOptions = Pick<ModelOptions, 'device' | 'precision' | 'threads' | 'seed'>;

const LOADING = {
  device: OPTIONS.device,
  precision: OPTIONS.precision,
  threads: OPTIONS.threads,
  seed: OPTIONS.seed,
} as const satisfies OptionTable<LoadOptions>;

const INFERENCE = {
  batchSize: { default: 128, check: integer() },
  signal: { check: requireSignal },
} as const satisfies OptionTable<InferenceOptions>;

/** What `fit` does with a model; for benchmarks, too. Not for users, who have {@link Model.fit}. */
export let trainerOf: (model: Model) => Trainer;

/**
 * A compiled sequential model on a device: Adam, sparse categorical cross-entropy, accuracy. Made by {@link sequential}
 * or {@link Model.load}. One call at a time: a second one while the first runs fails with code `STATE`.
 */
export class Model implements TrainingModel {
  static {
    trainerOf = (model) => model.#trainer();
  }

  readonly seed: number;
  /** Of convolutions and matrix products. */
  readonly precision: 'fp32' | 'tf32';
  /** Set to true while `fit` runs: training ends after this epoch. */
  stopTraining = false;
  readonly #blueprint: Blueprint;
  readonly #device: ResolvedDevice;
  readonly #network: NativeNetwork;
  #origins: Origin[] | undefined = [];
  #disposed = false;

  /** As {@link sequential}. */
  constructor(layers: readonly LayerSpec[], options: ModelOptions = {}) {
    const { seed, device, precision, threads, ...paper } = resolveOptions('sequential', options, OPTIONS);
    this.seed = seed;
    this.#blueprint = new Blueprint(layers, paper);
    this.#device = resolveDevice(device);
    this.precision = resolvePrecision(precision, this.#device);
    this.#network = callNative(
      () =>
        new this.#device.addon.Network({
          layers: toNativeLayers(this.#architecture),
          adam: this.optimizer,
          device: this.#device.index,
          seed: deriveSeed(seed, 'dropout'),
          precision: this.precision,
          threads: threads ?? this.#device.concurrency,
        }),
    );
    this.#write(packWeights(this.#architecture, initialWeights(this.#architecture, seed)));
  }

  /**
   * Opens a model file of Keras 2 (HDF5), Keras 3 (HDF5 or `.keras`) or {@link save}. Training goes on exactly where it
   * was; a model that was saved without its optimizer starts with a fresh Adam.
   * @param options `seed` of dropout and the order of images, default 0
   * @throws ConvsweepError `FILE`, `INVALID_MODEL` naming what is unsupported, `DEVICE_UNAVAILABLE`
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Model> {
    rejectUnknownOptions('Model.load', options, Object.keys(LOADING));
    requirePath(path);
    const { name, layers, inputShape, weights, optimizer, origins } = await readKerasFile(path);
    const [height, width, channels] = inputShape as [number, number, number];
    const model = new Model(layers, {
      ...options,
      name,
      inputShape: [height, width, channels],
      ...(optimizer && { optimizer: optimizer.adam }),
    });
    const values = (list: NamedWeight[]) => list.map((weight) => weight.data);
    model.#write({
      ...packWeights(model.#architecture, values(weights)),
      ...(optimizer && {
        m: packTrainable(model.#architecture, values(optimizer.m)),
        v: packTrainable(model.#architecture, values(optimizer.v)),
        iterations: optimizer.iterations,
      }),
    });
    model.#origins = origins && [...origins];
    return model;
  }

  get name(): string {
    return this.#blueprint.name;
  }

  get optimizer(): Readonly<Adam> {
    return this.#blueprint.optimizer;
  }

  /** The layers' configurations, each with its name. */
  get layers(): NamedLayerSpec[] {
    return this.#blueprint.layers;
  }

  /** `[height, width, channels]` */
  get inputShape(): [number, number, number] {
    return this.#blueprint.inputShape;
  }

  /** The number of classes: the length of each row of {@link predict}. */
  get classes(): number {
    return this.#blueprint.classes;
  }

  get parameters(): ParameterCounts {
    return this.#blueprint.parameters;
  }

  /** The device it runs on: `cpu` or `cuda:0`. */
  get device(): string {
    return this.#device.name;
  }

  /** Optimizer steps done. */
  get iterations(): number {
    return this.#read().iterations;
  }

  /**
   * What the weights were trained on so far, which {@link save} writes into the file, too. Undefined where that is not
   * known: in a file that does not say, after {@link setWeights} and {@link trainOnBatch}.
   */
  get origins(): readonly Origin[] | undefined {
    return this.#origins && [...this.#origins];
  }

  /** The text that Keras 2.8 prints, ended by a newline. */
  summary(): string {
    return this.#blueprint.summary();
  }

  /**
   * Trains on `train`; see {@link FitOptions}.
   * @returns the logs of every epoch
   * @throws ConvsweepError `INVALID_ARGUMENT` and `SHAPE_MISMATCH` before training, `ABORTED` through the signal
   */
  async fit(train: Dataset, options: FitOptions = {}): Promise<History> {
    this.#requireAlive();
    return runFit(this.#trainer(), train, options);
  }

  /** Mean loss and accuracy over `data`, in inference mode. */
  async evaluate(data: Dataset, options: InferenceOptions = {}): Promise<Metrics> {
    const { batchSize, signal } = resolveOptions('evaluate', options, INFERENCE);
    this.#requireFitting('data', data);
    return this.#evaluate(data, batchSize, signal);
  }

  /**
   * The classes' probabilities of each image, in inference mode.
   * @param images a data set, or pixels 0..255 of whole images, `n x height x width x channels`
   * @returns `n x classes`, row-major
   */
  async predict(images: Dataset | Uint8Array, options: InferenceOptions = {}): Promise<Float32Array> {
    const { batchSize, signal } = resolveOptions('predict', options, INFERENCE);
    const run = (data: Dataset, onDevice: NativeDataset) =>
      runNative(this.#network, () => this.#network.predict(onDevice, data.rows, batchSize, false), signal);
    if (!(images instanceof Dataset)) return this.#onDevice(this.#unlabelled(images), run);
    this.#requireFitting('images', images);
    return run(images, this.#shared(images));
  }

  /**
   * One optimizer step on one batch.
   * @param images pixels 0..255, `n x height x width x channels`
   * @param labels `n` class indices
   * @returns the batch's loss and accuracy before the step
   */
  async trainOnBatch(images: Uint8Array, labels: ArrayLike<number>): Promise<Metrics> {
    const batch = this.#labelled(images, labels);
    this.#origins = undefined;
    return this.#onDevice(batch, ({ rows }, onDevice) =>
      runNative(
        this.#network,
        () => this.#network.trainEpoch(onDevice, rows, Uint32Array.of(rows.length)),
        undefined,
      ),
    );
  }

  /**
   * The loss of one batch in training mode and its gradients, in {@link getWeights}' order without the moving
   * statistics. Changes nothing; meant for checks.
   */
  async gradients(
    images: Uint8Array,
    labels: ArrayLike<number>,
  ): Promise<{ loss: number; gradients: NamedWeight[] }> {
    return this.#onDevice(this.#labelled(images, labels), async ({ rows }, onDevice) => {
      const { loss, gradients } = await runNative(
        this.#network,
        () => this.#network.gradients(onDevice, rows),
        undefined,
      );
      return { loss, gradients: unpackTrainable(this.#architecture, gradients) };
    });
  }

  /** Copies of all weights in Keras' order: each layer's kernel, bias or gamma, beta, moving_mean, moving_variance. */
  getWeights(): NamedWeight[] {
    return unpackWeights(this.#architecture, this.#read());
  }

  /**
   * Replaces all weights; the optimizer's state stays.
   * @throws ConvsweepError `INVALID_ARGUMENT` or `SHAPE_MISMATCH` unless they are those of {@link getWeights}
   */
  setWeights(weights: readonly NamedWeight[]): void {
    validateWeights('weights', weights, this.#architecture.weights);
    const values = weights.map((weight) => weight.data);
    this.#write(packWeights(this.#architecture, values));
    this.#origins = undefined;
  }

  /**
   * Writes the model as it is now, with the optimizer's state, for Keras. The file appears whole or not at all.
   * @param path ends in `.h5` or `.hdf5` (HDF5, for Keras 2 and 3) or in `.keras` (for Keras 3), which Keras requires
   * @throws ConvsweepError `INVALID_ARGUMENT` for another ending, `FILE` when it cannot be written
   */
  async save(path: string): Promise<void> {
    requirePath(path);
    const state = this.#read();
    await writeKerasFile(path, {
      name: this.name,
      layers: this.layers,
      inputShape: this.inputShape,
      weights: unpackWeights(this.#architecture, state),
      optimizer: {
        adam: this.optimizer,
        iterations: state.iterations,
        m: unpackTrainable(this.#architecture, state.m),
        v: unpackTrainable(this.#architecture, state.v),
      },
      origins: this.#origins,
    });
  }

  /** A copy of weights, moving statistics and optimizer state, for {@link restore} of a model of the same layers. */
  snapshot(): ModelSnapshot {
    return { ...this.#read(), origins: this.origins };
  }

  /** @throws ConvsweepError `INVALID_ARGUMENT` for what is no snapshot of a model of this size */
  restore(snapshot: ModelSnapshot): void {
    const { origins, ...state } = (snapshot ?? {}) as Partial<NativeState> & { origins?: Origin[] };
    const { trainable, nonTrainable } = this.#architecture.parameters;
    const fits =
      state.parameters?.length === trainable &&
      state.statistics?.length === nonTrainable &&
      state.m?.length === trainable &&
      state.v?.length === trainable;
    if (!fits)
      throw invalidArgument('snapshot', 'what snapshot() returned for a model of the same layers', snapshot);
    this.#write(state);
    this.#origins = origins && [...origins];
  }

  /** Frees the device's memory; fails with code `STATE` while a call runs. Afterwards only descriptions remain. */
  dispose(): void {
    callNative(() => this.#network.dispose());
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What `fit` does with the model. */
  #trainer(): Trainer {
    const network = this.#network;
    return {
      model: this,
      seed: this.seed,
      requireFitting: (argument, data) => this.#requireFitting(argument, data),
      trainEpoch: (data, { rows, batchSizes }) => {
        this.#noteOrigin(data);
        return runNative(network, () => network.trainEpoch(this.#shared(data), rows, batchSizes), undefined);
      },
      evaluate: (data, batchSize) => this.#evaluate(data, batchSize, undefined),
      progress: () => callNative(() => network.progress()),
      abort: () => network.abort(),
    };
  }

  #requireFitting(argument: string, data: Dataset): void {
    this.#requireAlive();
    this.#blueprint.requireFitting(argument, data);
  }

  #evaluate(data: Dataset, batchSize: number, signal: AbortSignal | undefined): Promise<Metrics> {
    return runNative(
      this.#network,
      () => this.#network.evaluate(this.#shared(data), data.rows, batchSize),
      signal,
    );
  }

  get #architecture(): Architecture {
    return this.#blueprint.architecture;
  }

  #noteOrigin(data: Dataset): void {
    const origin = originOf(data);
    const text = JSON.stringify(origin);
    if (this.#origins?.every((known) => JSON.stringify(known) !== text)) this.#origins.push(origin);
  }

  #labelled(images: Uint8Array, labels: ArrayLike<number>): Dataset {
    const count = this.#count(images);
    if (labels?.length !== count) {
      throw invalidArgument('labels', `${count} class indices, one per image`, labels?.length ?? labels);
    }
    // Data sets hold labels in bytes.
    const largest = Math.min(this.classes, 256) - 1;
    for (let i = 0; i < count; i++) {
      const label = labels[i]!;
      if (!Number.isSafeInteger(label) || label < 0 || label > largest) {
        throw invalidArgument(`labels[${i}]`, `an integer from 0 to ${largest}`, label);
      }
    }
    return this.#dataset(images, Uint8Array.from(labels));
  }

  #unlabelled(images: Uint8Array): Dataset {
    return this.#dataset(images, new Uint8Array(this.#count(images)));
  }

  #dataset(images: Uint8Array, labels: Uint8Array): Dataset {
    const [height, width, channels] = this.inputShape;
    return Dataset.from({ images, labels, height, width, channels });
  }

  #count(images: Uint8Array): number {
    this.#requireAlive();
    const shape = this.inputShape;
    const pixels = shape.reduce((a, b) => a * b, 1);
    if (!types.isUint8Array(images)) throw invalidArgument('images', 'a Uint8Array of pixels 0..255', images);
    if (images.length === 0 || images.length % pixels !== 0) {
      throw new ConvsweepError(
        'SHAPE_MISMATCH',
        `Expected whole images of ${shape.join(' x ')} = ${pixels} pixels for images but received ${images.length} pixels`,
      );
    }
    return images.length / pixels;
  }

  /** Runs `use` on a device copy of its own, freed afterwards. */
  async #onDevice<T>(data: Dataset, use: (data: Dataset, onDevice: NativeDataset) => Promise<T>): Promise<T> {
    const onDevice = callNative(() => copyToDevice(data.store, this.#device));
    try {
      return await use(data, onDevice);
    } finally {
      onDevice.dispose();
    }
  }

  #shared(data: Dataset): NativeDataset {
    return callNative(() => deviceData(data.store, this.#device));
  }

  #read(): NativeState {
    this.#requireAlive();
    return callNative(() => this.#network.readState());
  }

  #write(state: Partial<NativeState>): void {
    this.#requireAlive();
    callNative(() => this.#network.writeState(state));
  }

  #requireAlive(): void {
    if (this.#disposed) throw new ConvsweepError('STATE', `The model ${this.name} was disposed`);
  }
}

/**
 * A compiled model of the given layers: Adam, sparse categorical cross-entropy, accuracy. The last layer must be a
 * softmax over the classes.
 * @example
 * sequential([layers.flatten(), layers.dense({ units: 10, activation: 'softmax' })], { seed: 1 })
 * @throws ConvsweepError `INVALID_ARGUMENT` naming the option or layer, `DEVICE_UNAVAILABLE`
 */
export function sequential(layers: readonly LayerSpec[], options: ModelOptions = {}): Model {
  return new Model(layers, options);
}

function requirePath(path: unknown): asserts path is string {
  if (typeof path !== 'string' || path === '') throw invalidArgument('path', 'the path of a file', path);
}
