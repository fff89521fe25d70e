// A worker that trains with this package; see protocol.ts. The instruction set is chosen by CONVSWEEP_ISA.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Model, trainerOf } from '../lib/model/model.js';
import { notebookModel } from '../lib/model/notebook.js';
import { resolveDevice } from '../lib/native/devices.js';
import { earlyStopping } from '../lib/training/early-stopping.js';
import { modelCheckpoint } from '../lib/training/model-checkpoint.js';
import { BATCH_SIZE, EPOCHS, loadJob, PATIENCE, planOf, SEED, WIDTHS } from './job.js';
import type { Answers, EpochTimes, JobRequest, Memory, TrialTime } from './protocol.js';

const { addon } = resolveDevice('cpu');
const job = await loadJob();
const labels = job.validation.labels();
const build = (): Model => notebookModel(WIDTHS, { seed: SEED, device: 'cpu' });

async function runEpochs(count: number): Promise<EpochTimes> {
  using model = build();
  const times: EpochTimes = { train: [], validation: [], loss: 0, valLoss: 0 };
  for (let epoch = 0; epoch < count; epoch++) {
    const begin = performance.now();
    const { loss } = await trainerOf(model).trainEpoch(job.train, planOf(job, epoch));
    const trained = performance.now();
    const { loss: valLoss } = await trainerOf(model).evaluate(job.validation, BATCH_SIZE);
    times.train.push((trained - begin) / 1e3);
    times.validation.push((performance.now() - trained) / 1e3);
    if (epoch === 0) Object.assign(times, { loss, valLoss });
  }
  return times;
}

async function runTrial(): Promise<TrialTime> {
  const folder = await mkdtemp(join(tmpdir(), 'convsweep-bench-'));
  try {
    const begin = performance.now();
    const { startFromEpoch, train, validation } = job;
    const path = join(folder, 'model.h5');
    using model = build();
    const { history } = await model.fit(train, {
      epochs: EPOCHS,
      batchSize: BATCH_SIZE,
      validationData: validation,
      callbacks: [
        earlyStopping({ patience: PATIENCE, startFromEpoch }),
        modelCheckpoint(path, { startFromEpoch, deferred: true }),
      ],
      verbose: 0,
    });
    using best = await Model.load(path, { device: 'cpu' });
    const probabilities = await best.predict(validation, { batchSize: BATCH_SIZE });
    const seconds = (performance.now() - begin) / 1e3;
    const classes = best.classes;
    const hits = labels.reduce((sum, label, i) => {
      const row = probabilities.subarray(i * classes, (i + 1) * classes);
      return sum + (row.indexOf(Math.max(...row)) === label ? 1 : 0);
    }, 0);
    return { seconds, epochs: history.loss.length, accuracy: hits / labels.length };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The images are resident once per process; what counts per trial is what each model after the first adds. */
async function measureMemory(models: number): Promise<Memory> {
  const held: Model[] = [];
  const used: number[] = [];
  for (let i = 0; i < models; i++) {
    const model = build();
    held.push(model);
    await trainerOf(model).trainEpoch(job.train, planOf(job, 0));
    await trainerOf(model).evaluate(job.validation, BATCH_SIZE);
    used.push(addon.memoryInUse());
  }
  const memory: Memory = { process: process.memoryUsage().rss };
  for (const model of held) model.dispose();
  return models === 1 ? memory : { ...memory, perTrial: (used.at(-1)! - used[0]!) / (models - 1) };
}

async function answer(request: JobRequest): Promise<Answers[JobRequest['run']]> {
  const each = <T>(run: () => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: request.models }, run));
  switch (request.run) {
    case 'epochs':
      return { models: await each(() => runEpochs(request.count)) };
    case 'trial':
      return { models: await each(runTrial) };
    case 'memory':
      return measureMemory(request.models);
  }
}

const say = (message: object): void => console.log(JSON.stringify(message));
const { version } = addon.buildInfo();
await runEpochs(1);
say({ ready: true, version: `convsweep ${version}` });
for await (const line of createInterface({ input: process.stdin })) say(await answer(JSON.parse(line)));
