import type { NativeBuildInfo, NativePrecision } from '../../lib/native/contract.js';
import { type DeviceName, type ResolvedDevice, resolveDevice } from '../../lib/native/devices.js';

/** The device under test: `CONVSWEEP_TEST_DEVICE`, by default the CPU. */
export const deviceName = (process.env.CONVSWEEP_TEST_DEVICE || 'cpu') as DeviceName;
export const device: ResolvedDevice = resolveDevice(deviceName);

/** On a GPU the parity tests are about fp32; what TF32 makes of it, test/gpu/errors.test.ts says. */
export const precision = (
  device.name === 'cpu' ? 'fp32' : process.env.CONVSWEEP_TEST_PRECISION || 'fp32'
) as NativePrecision;
/** For a model on the device under test. */
export const onDevice = { device: deviceName, precision } as const;

/** How far a device's float32 may be from exact arithmetic. */
export interface Tolerances {
  /** One layer's output for given inputs, relative to its largest value. */
  layerForward: number;
  /** One layer's gradients for given inputs and output gradients, each relative to its largest value. */
  layerBackward: number;
  /** A whole network's output of the size of 1. */
  outputs: number;
  /** A loss, relative. */
  loss: number;
  /** The gradients of a whole well-conditioned network: the distance, relative to the norm. */
  gradients: number;
  /** A moving statistic of the size of 1 after one step. */
  statistics: number;
  /** Adam's moments and the updated weights for given gradients, relative to the largest; weights absolutely. */
  adam: number;
}

const TOLERANCES: Partial<Record<NativeBuildInfo['backend'], Tolerances>> = {
  cpu: {
    layerForward: 2e-6,
    layerBackward: 5e-6,
    outputs: 1e-5,
    loss: 3e-6,
    gradients: 1e-5,
    statistics: 2e-7,
    adam: 1e-6,
  },
  cuda: {
    layerForward: 2e-6,
    layerBackward: 5e-6,
    outputs: 1e-5,
    loss: 3e-6,
    gradients: 1e-5,
    statistics: 2e-7,
    adam: 1e-6,
  },
};

/** A card, not its stand-in. */
export const isCard = device.addon.buildInfo().backend === 'cuda' && !('standin' in device.addon);
/**
 * Limits that were not measured on a card are ten times as wide there: it sums in float32, and Hopper truncates the
 * factors of TF32. test/gpu/errors.test.ts prints the distances that tighter ones can be made of.
 */
export function widened(limit: number): number {
  return isCard ? 10 * limit : limit;
}

function tolerancesOf({ name, addon }: ResolvedDevice): Tolerances {
  const found = TOLERANCES[addon.buildInfo().backend];
  const tolerances =
    found &&
    (Object.fromEntries(
      Object.entries(found).map(([measure, limit]) => [measure, widened(limit)]),
    ) as unknown as Tolerances);
  if (!tolerances) throw new Error(`There are no tolerances for ${name}: add them to test/parity/device.ts`);
  return tolerances;
}

export const tolerances: Tolerances = tolerancesOf(device);
