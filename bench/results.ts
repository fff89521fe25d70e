import { writeFile } from 'node:fs/promises';
import type { AroundKernels } from './around-kernels.js';
import type { Machine } from './machine.js';
import type { Slice, TrialSlice } from './measure.js';
import type { Peak } from './peak.js';
import type { Memory } from './protocol.js';
import type { Setting } from './settings.js';
import { mean, median, type Summary, summarise } from './statistics.js';

/** What was measured of one setting. */
export interface Measured extends Pick<Setting, 'product' | 'name' | 'instructionSet' | 'cores' | 'note'> {
  version: string;
  slices: (Slice & { undisturbed: boolean })[];
  trials: (TrialSlice & { undisturbed: boolean })[];
  memory: Memory;
}

/** Everything that a run found out: `bench/results.json`. */
export interface Results {
  date: string;
  machine: Machine;
  job: { train: number; validation: number; batchSize: number; widths: number[]; startFromEpoch: number };
  flopsPerImage: { inference: number; training: number };
  peak: { best: Peak; twoThreads: Summary };
  settings: Measured[];
  /** Settings that could not be measured, and why. */
  missing: { setting: string; reason: string }[];
  firstStep: { sinceImport: Summary; sinceStart: Summary };
  aroundKernels?: AroundKernels;
}

export async function writeResults(path: string, results: Results): Promise<void> {
  await writeFile(path, `${JSON.stringify(results, null, 1)}\n`);
}

/** Those in which the machine gave its peak before and after; all of them if there are none. */
export function counted<T extends { undisturbed: boolean }>(slices: readonly T[]): T[] {
  const undisturbed = slices.filter((slice) => slice.undisturbed);
  return undisturbed.length > 0 ? undisturbed : [...slices];
}

export function speedOf(measured: Measured, quantity: 'training' | 'inference' | 'modelEpoch'): Summary {
  return summarise(counted(measured.slices).map((slice) => slice[quantity]));
}

/** Images' worth of dense arithmetic per second, as a part of the FMA peak in the same slices. */
export function shareOfPeak(measured: Measured, quantity: 'training' | 'inference', flops: number): number {
  const key = measured.cores === 1 ? 'oneThread' : 'twoThreads';
  return median(
    counted(measured.slices).map(
      (slice) => (slice[quantity] * flops) / 1e9 / mean(slice.peak.map((peak) => peak[key])),
    ),
  );
}

/** Of whole trials: seconds of each, seconds after which one more was done, and what they got to. */
export function trialsOf({ trials }: Measured): {
  each: Summary;
  perTrial: number;
  epochs: number;
  accuracy: number;
} {
  const slices = counted(trials);
  const models = slices.flatMap((slice) => slice.models);
  const each = summarise(models.map((model) => model.seconds));
  return {
    each,
    perTrial: each.median / slices[0]!.models.length,
    epochs: mean(models.map((model) => model.epochs)),
    accuracy: mean(models.map((model) => model.accuracy)),
  };
}

/** The setting with the shortest model-epoch. */
export function fastest(candidates: readonly Measured[]): Measured | undefined {
  return candidates.toSorted((a, b) => speedOf(a, 'modelEpoch').median - speedOf(b, 'modelEpoch').median)[0];
}
