/**
 * The one typed contract of the native addon (`convsweep_cpu.node`, `convsweep_cuda.node`), and its loader.
 *
 * Everything above this file is TypeScript that decides *what* to train; everything below is C++ that decides *how*.
 * The wrapper validates, the addon asserts all that could harm it, whoever calls: a call that is wrong throws. Long
 * calls return promises, run on the addon's own threads (never libuv's pool), and leave the event loop free. A
 * network runs one call at a time; different networks run side by side.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { types } from 'node:util';
import { ConvsweepError, describeValue, invalidArgument } from './errors.js';
import { packageRoot } from './package.js';

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
 * tensor cores multiply much faster; sums stay float32. `auto`: as Keras does on the device, `tf32` on a GPU that
 * has it, `fp32` elsewhere.
 */
export type Precision = 'auto' | 'fp32' | 'tf32';

export interface NativeNetworkOptions {
  layers: NativeLayer[];
  adam: NativeAdam;
  /** Index of the device in {@link NativeAddon.devices}. */
  device: number;
  /** uint32, seeds the masks of Dropout. */
  seed: number;
  /** Default `auto`. */
  precision?: Precision;
}

/** Means over the images seen: in training over the forward passes before each update, as Keras logs them. */
export interface NativeMetrics {
  loss: number;
  accuracy: number;
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
  /** Loss and gradients (laid out as `parameters`) of one batch in training mode; nothing is updated. */
  gradients(dataset: NativeDataset, rows: Uint32Array): Promise<{ loss: number; gradients: Float32Array }>;
  /** What the call in flight has done so far: images, and the running means as in {@link NativeMetrics}. */
  progress(): { images: number; loss: number; accuracy: number };
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
  /** `cpu` or `cuda:0`. */
  name: string;
  /** As the driver or the processor names it. */
  description: string;
  /** Trials that may usefully run at the same time. */
  concurrency: number;
  /** Whether it multiplies in TF32: GPUs of compute capability 8.0 and newer. */
  tf32: boolean;
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
  Dataset: new (options: {
    images: Uint8Array;
    labels: Uint8Array;
    count: number;
    imageSize: number;
    device: number;
  }) => NativeDataset;
  Network: new (options: NativeNetworkOptions) => NativeNetwork;
}

/** `cpu`, `cuda`, `cuda:<index>`, or `auto`: a working GPU if there is one, else the CPU. */
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/** A device to spread trials over: `cuda:all` means every GPU. */
export type SweepDeviceName = DeviceName | 'cuda:all';

/** A device that {@link resolveDevice} chose, with its addon. */
export interface ResolvedDevice extends NativeDevice {
  readonly addon: NativeAddon;
  readonly index: number;
}

/** The state of one backend on this machine, for `convsweep inspect` and error messages. */
export interface BackendStatus {
  backend: 'cpu' | 'cuda';
  available: boolean;
  build?: NativeBuildInfo;
  devices: NativeDevice[];
  /** Why it is not available, and the command that would change that. */
  reason?: string;
}

const require = createRequire(import.meta.url);
const loaded = new Map<
  'cpu' | 'cuda',
  { addon: NativeAddon; devices: NativeDevice[] } | { reason: string; cause?: unknown }
>();

function load(backend: 'cpu' | 'cuda') {
  const known = loaded.get(backend);
  if (known) return known;
  const built = join(packageRoot(), 'build', 'Release', `convsweep_${backend}.node`);
  // Tests put the CUDA backend over a stand-in for NVIDIA's libraries in its place.
  const path = (backend === 'cuda' && process.env.CONVSWEEP_CUDA_ADDON) || built;
  let result: ReturnType<typeof loaded.get> & object;
  if (!existsSync(path)) {
    result = { reason: `it is not built (${path} is missing); run: npm run build:native` };
  } else {
    try {
      const addon = require(path) as NativeAddon;
      result = { addon, devices: addon.devices().map(withinProcess) };
    } catch (cause) {
      result = { reason: types.isNativeError(cause) ? cause.message : String(cause), cause };
    }
  }
  loaded.set(backend, result);
  return result;
}

/** The CPU with as many cores as this process may use, not as many as there are. */
function withinProcess(device: NativeDevice): NativeDevice {
  return device.name === 'cpu' ? { ...device, concurrency: availableParallelism() } : device;
}

/** Bytes that models and data sets hold now, by backend; of those backends only that are in use. */
export function memory(): { cpu?: number; cuda?: number } {
  const result: ReturnType<typeof memory> = {};
  for (const backend of ['cpu', 'cuda'] as const) {
    const known = loaded.get(backend);
    if (known && 'addon' in known) result[backend] = known.addon.memoryInUse();
  }
  return result;
}

/** Both backends, each with its devices or the reason why it is missing. Loads the addons; never throws. */
export function backends(): BackendStatus[] {
  return (['cuda', 'cpu'] as const).map((backend) => {
    const result = load(backend);
    if ('reason' in result) return { backend, available: false, devices: [], reason: result.reason };
    return { backend, available: true, build: result.addon.buildInfo(), devices: result.devices };
  });
}

/** The devices that training can run on, best first. */
export function devices(): NativeDevice[] {
  return backends().flatMap((backend) => backend.devices);
}

/**
 * Loads the addon that `name` asks for.
 * @throws ConvsweepError `INVALID_ARGUMENT` for a name of another form, `DEVICE_UNAVAILABLE` with the reason and remedy
 */
export function resolveDevice(name: DeviceName = 'auto'): ResolvedDevice {
  const match = /^(auto|cpu|cuda)(?::(\d+))?$/.exec(String(name));
  if (!match || (match[2] !== undefined && match[1] !== 'cuda')) {
    throw invalidArgument('device', '"auto", "cpu", "cuda" or "cuda:<index>"', name);
  }
  const index = Number(match[2] ?? 0);
  const wanted = match[1] === 'auto' ? (['cuda', 'cpu'] as const) : [match[1] as 'cpu' | 'cuda'];
  const reasons: string[] = [];
  let cause: unknown;
  for (const backend of wanted) {
    const result = load(backend);
    if ('reason' in result) {
      reasons.push(`${backend}: ${result.reason}`);
      cause = result.cause;
      continue;
    }
    const device = result.devices[index];
    if (device) return { ...device, addon: result.addon, index };
    reasons.push(
      `${backend}: there is no device ${index}, only ${result.devices.map((d) => d.name).join(', ')}`,
    );
  }
  throw new ConvsweepError(
    'DEVICE_UNAVAILABLE',
    `Device ${describeValue(name)} is not available: ${reasons.join('; ')}`,
    { cause },
  );
}

/**
 * The devices that trials are spread over: one, or for `cuda:all` every GPU.
 * @throws ConvsweepError as {@link resolveDevice}; `INVALID_ARGUMENT` where the GPUs are of several kinds, since a
 * trial's result depends on the kind of its device
 */
export function resolveDevices(name: SweepDeviceName = 'auto'): ResolvedDevice[] {
  if (name !== 'cuda:all') return [resolveDevice(name)];
  const first = resolveDevice('cuda');
  const all = first.addon.devices().map((device, index) => ({ ...device, addon: first.addon, index }));
  const kinds = [...new Set(all.map(({ description }) => description))];
  if (kinds.length > 1) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Expected GPUs of one kind for device "cuda:all" but there are ${kinds.join(' and ')}; name one: ${all.map((device) => device.name).join(' or ')}`,
    );
  }
  return all;
}

/**
 * What `precision` amounts to on `device`.
 * @throws ConvsweepError `INVALID_ARGUMENT` for TF32 on a device without
 */
export function resolvePrecision(precision: Precision, device: ResolvedDevice): 'fp32' | 'tf32' {
  if (!['auto', 'fp32', 'tf32'].includes(precision)) {
    throw invalidArgument('precision', '"auto", "fp32" or "tf32"', precision);
  }
  if (precision === 'auto') return device.tf32 ? 'tf32' : 'fp32';
  if (precision === 'tf32' && !device.tf32) {
    const named = device.name === 'cpu' ? 'the CPU' : device.description;
    throw invalidArgument('precision', `"fp32" or "auto" (${named} has no TF32)`, precision);
  }
  return precision;
}
