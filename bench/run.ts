import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../lib/package.js';
import type { AroundKernels } from './around-kernels.js';
import { BATCH_SIZE, denseFlops, loadJob, WIDTHS, writeJob } from './job.js';
import { describeMachine } from './machine.js';
import { Bench, type Slice, type TrialSlice } from './measure.js';
import { type Peak, PeakProbe } from './peak.js';
import type { Memory } from './protocol.js';
import type { Measured, Results } from './results.js';
import { missing, ourSettings, peerSettings, type Setting } from './settings.js';
import { type Summary, summarise } from './statistics.js';

export interface BenchmarkPlan {
  /** How often each setting is measured, in turn. */
  rounds: number;
  peers: boolean;
  /** Whole trials of this package; each peer trains one, which takes as long. */
  trialRounds: number;
  /** Whether to train them with every instruction set, or with the best one only. */
  trialsOfAll: boolean;
  /** How often the time to the first step is measured. */
  starts: number;
}

/** What has been measured of a setting so far. */
interface Progress {
  setting: Setting;
  version: string;
  slices: Slice[];
  trials: TrialSlice[];
  memory?: Memory;
  failure?: string;
}

/**
 * Runs all settings in turn, round by round, so that whatever else happens on the machine happens to all of them.
 * @param say is told what is going on
 * @throws Error when this package fails; a peer that fails is left out, with its reason
 */
export async function runBenchmark(plan: BenchmarkPlan, say: (line: string) => void): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), 'convsweep-bench-'));
  try {
    const job = await loadJob();
    await writeJob(folder, job);
    const images = { train: job.train.size, validation: job.validation.size };
    const probe = PeakProbe.compile(folder);

    say('import to first step');
    const firstStep = await measureFirstStep(plan.starts);
    const settings = [...ourSettings(), ...(plan.peers ? peerSettings(folder) : [])];
    const progress = await measureSettings(settings, new Bench(probe, images), plan, say);
    let aroundKernels: AroundKernels | undefined;
    if (process.platform === 'linux') {
      say('around the kernels');
      aroundKernels = await runScript<AroundKernels>('around-kernels.js');
    }

    const peaks = progress.flatMap(({ slices }) => slices.flatMap(({ peak }) => peak));
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(),
      job: { ...images, batchSize: BATCH_SIZE, widths: WIDTHS, startFromEpoch: job.startFromEpoch },
      flopsPerImage: denseFlops(),
      peak: { best: probe.best, twoThreads: summarise(peaks.map(({ twoThreads }) => twoThreads)) },
      settings: progress.flatMap((measured) => judge(measured, probe)),
      missing: progress.flatMap(({ setting: { product, name }, failure }) =>
        failure === undefined ? [] : [{ setting: `${product}, ${name}`, reason: failure }],
      ),
      firstStep,
      ...(aroundKernels && { aroundKernels }),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureSettings(
  settings: readonly Setting[],
  toStop: Bench,
  plan: BenchmarkPlan,
  say: (line: string) => void,
): Promise<Progress[]> {
  using bench = toStop;
  const all = settings.map((setting): Progress => {
    const failure = missing(setting.product);
    return { setting, version: '', slices: [], trials: [], ...(failure !== undefined && { failure }) };
  });
  const attempt = async (
    what: string,
    progress: Progress,
    measure: (progress: Progress) => Promise<void>,
  ): Promise<void> => {
    const { product, name } = progress.setting;
    if (progress.failure !== undefined) return;
    say(`${what}: ${product}, ${name}`);
    try {
      await measure(progress);
    } catch (error) {
      if (product === 'convsweep') throw error;
      progress.failure = (error as Error).message;
      say(`  failed: ${progress.failure}`);
    }
  };
  const slice = async (progress: Progress): Promise<void> => {
    progress.version = await bench.version(progress.setting);
    progress.slices.push(await bench.slice(progress.setting));
  };
  const trial = async (progress: Progress): Promise<void> => {
    progress.trials.push(await bench.trial(progress.setting));
  };
  const memory = async (progress: Progress): Promise<void> => {
    progress.memory = await bench.memory(progress.setting);
  };

  for (const progress of all.filter(({ setting }) => setting.measured === 'once')) {
    await attempt('once', progress, slice);
    await attempt('memory', progress, memory);
    bench.stop(progress.setting);
  }
  const best = settings.find(({ product }) => product === 'convsweep')?.instructionSet;
  const inTurn = all.filter(({ setting }) => setting.measured === 'each round');
  for (let round = 1; round <= plan.rounds; round++) {
    for (const progress of inTurn) await attempt(`round ${round} of ${plan.rounds}`, progress, slice);
  }
  for (let round = 1; round <= plan.trialRounds; round++) {
    for (const progress of inTurn) {
      const { trial: wanted, product, instructionSet } = progress.setting;
      if (!wanted || (round > 1 && product !== 'convsweep')) continue;
      if (plan.trialsOfAll || instructionSet === best) await attempt('whole trial', progress, trial);
    }
  }
  for (const progress of inTurn) await attempt('memory', progress, memory);
  return all;
}

/** Which slices count can be told only now that the machine's best is known. */
function judge({ setting, version, slices, trials, memory }: Progress, probe: PeakProbe): Measured[] {
  const { product, name, instructionSet, cores, note } = setting;
  if (slices.length === 0 || !memory) return [];
  const judged = <T extends { peak: [Peak, Peak] }>(list: T[]) =>
    list.map((slice) => ({
      ...slice,
      undisturbed: slice.peak.every((peak) => probe.undisturbed(peak, cores)),
    }));
  return [
    {
      product,
      name,
      ...(instructionSet !== undefined && { instructionSet }),
      cores,
      ...(note !== undefined && { note }),
      version,
      slices: judged(slices),
      trials: judged(trials),
      memory,
    },
  ];
}

async function measureFirstStep(starts: number): Promise<{ sinceImport: Summary; sinceStart: Summary }> {
  const runs: { sinceImport: number; sinceStart: number }[] = [];
  for (let i = 0; i < starts; i++) runs.push(await runScript('first-step.js'));
  return {
    sinceImport: summarise(runs.map((run) => run.sinceImport)),
    sinceStart: summarise(runs.map((run) => run.sinceStart)),
  };
}

/** What a script of this folder prints. */
async function runScript<T>(name: string): Promise<T> {
  const script = join(packageRoot(), 'dist', 'bench', name);
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  return JSON.parse(stdout) as T;
}
