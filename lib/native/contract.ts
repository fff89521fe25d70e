/**
 * What the native addons (`convsweep_cpu.node`, `convsweep_cuda.node`) look like from TypeScript; types only.
 * `npm run check` compares every name here with what native/addon registers, reads and writes.
 *
 * Everything above this folder is TypeScript that decides *what* to train; everything below is C++ that decides *how*.
 * The wrapper validates, the addon asserts all that could harm it, whoever calls: a call that is wrong throws, and so
 * does a field that is missing or of another type, unless it is marked as optional here. Long calls return promises, run
 * on the addon's own threads (never libuv's pool), and leave the event loop free. A network runs one call at a time;
 * different networks run side by side.
 */

/**
 * One layer as the engine wants it: shapes resolved, defaults filled in. Shapes have no batch dimension. Fields that name
 * a layer's type are required for it.
 */
export interface NativeLayer {
  type:
    | 'Rescaling'
    | 'Conv2D'
    | 'MaxPooling2D'
    | 'BatchNormalization'
    | 'Flatten'
    | 'Dense'
    | 'Dropout'
    | 'Activation';
  /** `[height, width, channels]` or `[units]`. */
  inputShape: number[];
  outputShape: number[];
  /** Conv2D, Dense, Activation. */
  activation?: 'linear' | 'relu' | 'softmax';
  /** Conv2D, Dense. */
  useBias?: boolean;
  /** Conv2D: kernel size; MaxPooling2D: pool size. `[height, width]` */
  window?: [number, number];
  /**
   * Conv2D, MaxPooling2D. Padding is not named: the engine derives it from the shapes as TensorFlow does, total
   * `max((out - 1) * stride + window - in, 0)`, the smaller half first.
   */
  strides?: [number, number];
  /** Rescaling. */
  scale?: number;
  offset?: number;
  /** BatchNormalization. */
  momentum?: number;
  epsilon?: number;
  /** Dropout. */
  rate?: number;
}

/** Adam as in Keras: epsilon outside the square root and not bias-corrected ("epsilon hat"). */
export interface NativeAdam {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/**
 * How the factors of convolutions and matrix products are rounded: `fp32`, not at all; `tf32`, to 10 bits, which NVIDIA's
 * tensor cores multiply much faster; sums stay float32.
 */
export type NativePrecision = 'fp32' | 'tf32';

export interface NativeNetworkOptions {
  layers: NativeLayer[];
  adam: NativeAdam;
  /** Index of the device in {@link NativeAddon.devices}. */
  device: number;
  /** uint32, seeds the masks of Dropout. */
  seed: number;
  /** One of {@link NativeDevice.precisions}. */
  precision: NativePrecision;
  /** On the CPU: the most threads that a call uses, of the addon's. */
  threads: number;
}

/** Means over the images seen: in training over the forward passes before each update, as Keras logs them. */
export interface NativeMetrics {
  loss: number;
  accuracy: number;
}

/** Of a call in flight: the images that it has seen, and the means over them. */
export interface NativeProgress extends NativeMetrics {
  images: number;
}

/** Of one batch in training mode; `gradients` is laid out as {@link NativeState.parameters}. */
export interface NativeGradients {
  loss: number;
  gradients: Float32Array;
}

/**
 * The state of a network, flat float32 arrays.
 * `parameters`: trainable weights in model order, each layer's kernel, bias or gamma, beta, in Keras' layouts
 * (conv HWIO, dense `[in, out]`). `statistics`: each batch norm's moving mean, then its moving variance.
 * `m`, `v`: Adam's moments, laid out as `parameters`. `iterations`: optimizer steps done.
 */
export interface NativeState {
  parameters: Float32Array;
  statistics: Float32Array;
  m: Float32Array;
  v: Float32Array;
  iterations: number;
}

/** Images and labels to copy to a device. */
export interface NativeDatasetOptions {
  /** `count x imageSize` pixels. */
  images: Uint8Array;
  /** `count` class indices. */
  labels: Uint8Array;
  count: number;
  imageSize: number;
  /** Index of the device in {@link NativeAddon.devices}. */
  device: number;
}

/** A copy of a store's images and labels on a device. Opaque; freed by `dispose` or the garbage collector. */
export interface NativeDataset {
  dispose(): void;
}

/** A network on a device. All row arguments index the dataset's images. */
export interface NativeNetwork {
  readonly parameterCount: number;
  readonly statisticCount: number;
  /**
   * One optimizer step per batch; `rows` in order, cut into `batchSizes` (their sum is `rows.length`).
   * Rejects with code `ABORTED` after {@link abort}; the steps done until then stand.
   */
  trainEpoch(dataset: NativeDataset, rows: Uint32Array, batchSizes: Uint32Array): Promise<NativeMetrics>;
  /** Loss and accuracy in inference mode. Needs a final softmax, as training does. */
  evaluate(dataset: NativeDataset, rows: Uint32Array, batchSize: number): Promise<NativeMetrics>;
  /**
   * The last layer's outputs, `rows.length x units`. With `training` the rows run as one batch in training mode:
   * batch norm uses that batch's statistics and updates its moving ones, dropout drops.
   */
  predict(
    dataset: NativeDataset,
    rows: Uint32Array,
    batchSize: number,
    training: boolean,
  ): Promise<Float32Array>;
  /** Of the rows as one batch; nothing is updated. */
  gradients(dataset: NativeDataset, rows: Uint32Array): Promise<NativeGradients>;
  /** What the call in flight has done so far. */
  progress(): NativeProgress;
  /** Stops the call in flight at its next batch. Without one it does nothing. */
  abort(): void;
  /** Refused with code `STATE` while a call is in flight, as is {@link writeState}. */
  readState(): NativeState;
  /** Arrays that are given replace the network's; lengths must match. */
  writeState(state: Partial<NativeState>): void;
  /** Frees the network's memory; refused while a call is in flight. Idempotent. */
  dispose(): void;
}

/** What one addon can run on. */
export interface NativeDevice {
  name: 'cpu' | `cuda:${number}`;
  /** As the driver or the processor names it. */
  description: string;
  /** Trials that may usefully run at the same time. */
  concurrency: number;
  /** What it can compute in. */
  precisions: NativePrecision[];
  /** What Keras computes in there: one of {@link precisions}. */
  defaultPrecision: NativePrecision;
}

/** How an addon was built. */
export interface NativeBuildInfo {
  backend: 'cpu' | 'cuda';
  version: string;
  compiler: string;
  /** CPU: instruction sets compiled in, best first, and the one in use. */
  instructionSets?: string[];
  instructionSet?: string;
  /** CUDA: toolkit and cuDNN versions. */
  libraries?: Record<string, string>;
}

export interface NativeAddon {
  buildInfo(): NativeBuildInfo;
  /** Usable devices; throws with the reason where there is none. */
  devices(): NativeDevice[];
  /** Bytes that the addon's networks and datasets hold now. */
  memoryInUse(): number;
  Dataset: new (options: NativeDatasetOptions) => NativeDataset;
  Network: new (options: NativeNetworkOptions) => NativeNetwork;
}
