import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { types } from 'node:util';
import { addonFile, buildCommand } from '../addon-file.js';
import type { NativeAddon, NativeBuildInfo, NativeDevice } from './contract.js';

/** One addon for each. */
export type Backend = NativeBuildInfo['backend'];

/** Best first. Of a record, so that the compiler names the backend that it lacks. */
export const BACKENDS = Object.keys({ cuda: true, cpu: true } satisfies Record<Backend, true>) as Backend[];

/** The state of one backend on this machine, for `convsweep inspect` and error messages. */
export interface BackendStatus {
  backend: Backend;
  available: boolean;
  build?: NativeBuildInfo;
  devices: NativeDevice[];
  /** Why it is not available, and the command that would change that. */
  reason?: string;
}

/** An addon with its devices, or why there is none. */
export type LoadedBackend =
  | { addon: NativeAddon; devices: NativeDevice[] }
  | { reason: string; cause?: unknown };

const require = createRequire(import.meta.url);
const loaded = new Map<Backend, LoadedBackend>();

/** Loads the addon at first use; never throws. */
export function loadBackend(backend: Backend): LoadedBackend {
  const known = loaded.get(backend);
  if (known) return known;
  // Tests put the CUDA backend over a stand-in for NVIDIA's libraries in its place.
  const path = (backend === 'cuda' && process.env.CONVSWEEP_CUDA_ADDON) || addonFile(backend);
  let result: LoadedBackend;
  if (path === undefined) {
    result = { reason: `it is not built; run: ${buildCommand()}` };
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
export function memory(): Partial<Record<Backend, number>> {
  const result: Partial<Record<Backend, number>> = {};
  for (const backend of BACKENDS) {
    const known = loaded.get(backend);
    if (known && 'addon' in known) result[backend] = known.addon.memoryInUse();
  }
  return result;
}

/** All backends, each with its devices or the reason why it is missing. Loads the addons; never throws. */
export function backends(): BackendStatus[] {
  return BACKENDS.map((backend) => {
    const result = loadBackend(backend);
    if ('reason' in result) return { backend, available: false, devices: [], reason: result.reason };
    return { backend, available: true, build: result.addon.buildInfo(), devices: result.devices };
  });
}
