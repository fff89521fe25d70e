import type { Peak, PeakProbe } from './peak.js';
import type { EpochTimes, Memory, TrialTime } from './protocol.js';
import type { Setting } from './settings.js';
import { mean, sum } from './statistics.js';
import { Worker } from './worker.js';

/** The speed of one setting in one short stretch of time, with the machine's before and after it. */
export interface Slice {
  peak: [before: Peak, after: Peak];
  /** Over all models that ran together. Images per second. */
  training: number;
  inference: number;
  /** Seconds after which one more epoch of one more model was done. */
  modelEpoch: number;
  /** Of the first epoch, to tell whether everybody did the same work; absent where only a part was timed. */
  loss?: number;
  valLoss?: number;
}

export interface TrialSlice {
  peak: [before: Peak, after: Peak];
  models: TrialTime[];
}

/** How long a slice should last. */
const SLICE_SECONDS = 1;
const MOST_EPOCHS = 8;

/** Runs settings in slices, each between two measurements of the machine's peak. */
export class Bench {
  readonly #probe: PeakProbe;
  readonly #images: { train: number; validation: number };
  readonly #workers = new Map<string, Worker>();
  readonly #epochs = new Map<Setting, number>();

  constructor(probe: PeakProbe, images: { train: number; validation: number }) {
    this.#probe = probe;
    this.#images = images;
  }

  /** The first epoch warms up and does not count. */
  async slice(setting: Setting): Promise<Slice> {
    const request = { run: 'epochs', models: setting.modelsPerWorker } as const;
    const run = (epochs: number) =>
      this.#between(setting, (worker) => worker.request({ ...request, count: 1 + epochs }));
    const { peak, answers } = await run(this.#epochs.get(setting) ?? 1);
    const models = answers.flatMap((answer) => answer.models);
    const seconds = models.map((model) => averageEpoch(model));
    const slowest = Math.max(...seconds.map(({ train, validation }) => train + validation));
    this.#epochs.set(setting, Math.min(Math.ceil(SLICE_SECONDS / slowest), MOST_EPOCHS));
    const [{ loss, valLoss }] = models as [EpochTimes];
    return {
      peak,
      training: sum(seconds.map(({ train }) => this.#images.train / train)),
      inference: sum(seconds.map(({ validation }) => this.#images.validation / validation)),
      modelEpoch: 1 / sum(seconds.map(({ train, validation }) => 1 / (train + validation))),
      ...(loss !== undefined && { loss, valLoss }),
    };
  }

  async trial(setting: Setting): Promise<TrialSlice> {
    const { peak, answers } = await this.#between(setting, (worker) =>
      worker.request({ run: 'trial', models: setting.modelsPerWorker }),
    );
    return { peak, models: answers.flatMap((answer) => answer.models) };
  }

  /** Of the setting's first process. */
  async memory(setting: Setting): Promise<Memory> {
    const worker = await this.#worker(setting, 0);
    return worker.request({ run: 'memory', models: setting.modelsPerWorker });
  }

  async version(setting: Setting): Promise<string> {
    return (await this.#worker(setting, 0)).version;
  }

  stop(setting: Setting): void {
    for (const command of setting.workers) {
      const key = JSON.stringify(command);
      this.#workers.get(key)?.stop();
      this.#workers.delete(key);
    }
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers.values()) worker.stop();
  }

  async #between<T>(
    setting: Setting,
    run: (worker: Worker) => Promise<T>,
  ): Promise<{ peak: [Peak, Peak]; answers: T[] }> {
    const workers: Worker[] = [];
    for (const i of setting.workers.keys()) workers.push(await this.#worker(setting, i));
    const before = await this.#probe.measure();
    const answers = await Promise.all(workers.map(run));
    return { peak: [before, await this.#probe.measure()], answers };
  }

  async #worker(setting: Setting, index: number): Promise<Worker> {
    const command = setting.workers[index]!;
    const key = JSON.stringify(command);
    const worker = this.#workers.get(key) ?? (await Worker.start(command));
    this.#workers.set(key, worker);
    return worker;
  }
}

function averageEpoch({ train, validation }: EpochTimes): { train: number; validation: number } {
  const counted = (times: number[]) => (times.length > 1 ? times.slice(1) : times);
  return { train: mean(counted(train)), validation: mean(counted(validation)) };
}
