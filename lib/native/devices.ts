import { ConvsweepError, describeValue, invalidArgument } from '../errors.js';
import type { NativeAddon, NativeDevice, NativePrecision } from './contract.js';
import { BACKENDS, type Backend, backends, loadBackend } from './loading.js';

/** `cpu`, `cuda`, `cuda:<index>`, or `auto`: a working GPU if there is one, else the CPU. */
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/** A device to spread trials over: `cuda:all` means every GPU. */
export type SweepDeviceName = DeviceName | 'cuda:all';

/** A device that {@link resolveDevice} chose, with its addon. */
export interface ResolvedDevice extends NativeDevice {
  readonly addon: NativeAddon;
  readonly index: number;
}

/** Of a model: a {@link NativePrecision}, or `auto`: as Keras does on the device, `tf32` on a GPU, `fp32` on the CPU. */
export type Precision = 'auto' | NativePrecision;

/** The devices that training can run on, best first. */
export function devices(): NativeDevice[] {
  return backends().flatMap((backend) => backend.devices);
}

/** Throws unless `value`, the argument `name`, has the form of a device's name; whether there is one, loading tells. */
export function requireDeviceName(name: string, value: unknown): asserts value is DeviceName {
  if (typeof value !== 'string' || !/^(auto|cpu|cuda(:\d+)?)$/.test(value)) {
    throw invalidArgument(name, '"auto", "cpu", "cuda" or "cuda:<index>"', value);
  }
}

/**
 * Loads the addon that `name` asks for.
 * @throws ConvsweepError `INVALID_ARGUMENT` for a name of another form, `DEVICE_UNAVAILABLE` with the reason and remedy
 */
export function resolveDevice(name: DeviceName = 'auto'): ResolvedDevice {
  requireDeviceName('device', name);
  const [kind, position = '0'] = name.split(':');
  const index = Number(position);
  const wanted = kind === 'auto' ? BACKENDS : [kind as Backend];
  const reasons: string[] = [];
  let cause: unknown;
  for (const backend of wanted) {
    const result = loadBackend(backend);
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
 * @throws ConvsweepError `INVALID_ARGUMENT` for what the device does not compute in
 */
export function resolvePrecision(precision: Precision, device: NativeDevice): NativePrecision {
  if (precision === 'auto') return device.defaultPrecision;
  if (!['fp32', 'tf32'].includes(precision)) {
    throw invalidArgument('precision', '"auto", "fp32" or "tf32"', precision);
  }
  if (!device.precisions.includes(precision)) {
    const known = device.precisions.map((known) => `"${known}"`).join(', ');
    throw invalidArgument('precision', `"auto" or ${known} (all that ${device.name} computes in)`, precision);
  }
  return precision;
}
