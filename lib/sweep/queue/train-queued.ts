import { createHash, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConvsweepError, type ErrorCode } from '../../errors.js';
import { writeWhole } from '../../files.js';
import { buildNotebookModel } from '../builder.js';
import { type SweepConfig, trialEngine } from '../config.js';
import { engineRemedy, engineText, isSameEngine } from '../engine.js';
import { trialFailure } from '../failure.js';
import { checkpointFile, type SweepFolder } from '../folder.js';
import { linkedController } from '../linked-controller.js';
import { requireSameResult } from '../record-file.js';
import { RecordReader } from '../stored-record.js';
import { isOutOfMemory, type Training, type TrainOne, trainerOf } from '../train-trials.js';
import type { Trial, TrialRecord } from '../trial.js';
import type { ModelPlace, QueuedSweep, TrialResult, WorkerMessage } from './messages.js';
import { MOST_HEARD, type TrialQueue } from './trial-queue.js';

/** Trials that are jobs at a time: enough for any number of workers, and what Redis holds stays bounded. */
const MOST_PUBLISHED = 1024;
/** Milliseconds between looks for what workers said. */
const POLL = 200;
/** Milliseconds between looks for jobs that are lost, as where Redis was emptied. */
const LOOK = 2000;

/** The name of a sweep in a queue: the same when it is resumed, so that what its workers came to meanwhile is collected. */
async function queuedName(folder: SweepFolder): Promise<string> {
  const there = (await folder.read(folder.queueName))?.toString('latin1').trim();
  if (there !== undefined && /^[0-9a-f]{32}$/.test(there)) return there;
  const name = randomBytes(16).toString('hex');
  await writeWhole(folder.file(folder.queueName), `${name}\n`);
  return name;
}

/**
 * Trains trials on whatever workers the queue has, and here in `jobs` slots, and keeps the record and the model of each.
 * @param planned configuration of the sweep in the folder; that of `training` is this machine's
 * @param mark a file in the folder that no other has
 * @throws ConvsweepError `ABORTED`, or what made a trial fail, with the trial's name
 */
export async function trainQueued(
  training: Training,
  queue: TrialQueue,
  planned: SweepConfig,
  mark: string,
): Promise<void> {
  const { folder, report, settings } = training;
  const { build, mixed } = settings;
  const description = {
    config: planned,
    mixed,
    folder: resolve(folder.path),
    mark,
    ...(build !== buildNotebookModel && { build: build.name }),
  };
  queue.onLoss((message) => report({ type: 'notice', message }));
  // Where workers put models.
  await folder.createRecords();
  await new QueuedTrials(training, queue, description, await queuedName(folder)).run();
}

class QueuedTrials {
  readonly #training: Training;
  readonly #queue: TrialQueue;
  readonly #description: QueuedSweep;
  /** Of the sweep, in the queue. */
  readonly #name: string;
  readonly #reader: RecordReader;
  readonly #train: TrainOne;
  readonly #trials: ReadonlyMap<number, Trial>;
  /** Not yet in the queue, in order. */
  #unpublished: number[] = [];
  /** In the queue, in order, those in training included. */
  readonly #published = new Set<number>();
  /** Those that are being taken back. */
  readonly #wanted = new Set<number>();
  /** In training elsewhere. */
  readonly #running = new Set<number>();
  /** In training here. */
  readonly #here = new Set<number>();
  readonly #records = new Map<number, { host: string; record: TrialRecord }>();
  /** What has been told already. */
  readonly #refusals = new Set<string>();

  constructor(training: Training, queue: TrialQueue, description: QueuedSweep, name: string) {
    this.#training = training;
    this.#queue = queue;
    this.#description = description;
    this.#name = name;
    this.#reader = new RecordReader(description.config);
    this.#train = trainerOf(training);
    this.#trials = new Map(training.trials.map((trial) => [trial.number, trial]));
  }

  async run(): Promise<void> {
    const queue = this.#queue;
    const { jobs, report, signal } = this.#training;
    const { controller, release } = linkedController(signal);
    queue.closeSoonAfter(controller.signal);
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>): Promise<void> =>
      work.catch((error) => {
        failures.push(error);
        controller.abort(error);
      });
    const slots = Array.from({ length: jobs }, (_, slot) =>
      attempt(this.#trainHere(controller.signal, slot)),
    );
    await Promise.all([attempt(this.#collect(controller.signal)), ...slots]);
    release();
    // From here on the server is waited for no longer than usual.
    controller.abort();
    await this.#leave().catch((error: Error) => {
      const message = `The queue keeps what it has of this sweep until a day has passed: ${error.message}`;
      report({ type: 'notice', message });
    });
    if (signal.aborted) throw new ConvsweepError('ABORTED', 'Stopped', { cause: signal.reason });
    if (failures.length > 0) throw failures[0];
  }

  /** Removes from the queue what nobody waits for. Who resumes a sweep finds what is in training elsewhere. */
  async #leave(): Promise<void> {
    if (this.#isDone) await this.#queue.forget(this.#name, this.#description.config.trials);
    else await this.#queue.withdraw(this.#name, [...this.#published]);
  }

  get #isDone(): boolean {
    return this.#records.size === this.#trials.size;
  }

  /** Publishes trials, and takes what workers say of them, until all have ended. */
  async #collect(signal: AbortSignal): Promise<void> {
    const queue = this.#queue;
    await queue.announce(this.#name, this.#description);
    // What workers came to while nobody collected it need not be published.
    while ((await this.#hear()) > 0);
    this.#unpublished = [...this.#trials.keys()].filter((trial) => !this.#records.has(trial));
    let looked = performance.now();
    while (!this.#isDone && !signal.aborted) {
      await this.#publish();
      const isTime = performance.now() - looked >= LOOK;
      // Before the messages: a job is removed after its result was told.
      const missing = isTime ? await queue.missing(this.#name, [...this.#published]) : [];
      const heard = await this.#hear();
      if (isTime) {
        looked = performance.now();
        await queue.announce(this.#name, this.#description);
        // Otherwise there may be messages about them yet.
        if (heard < MOST_HEARD) await this.#publishAgain(missing);
      }
      if (heard === 0) await sleep(POLL, undefined, { signal }).catch(() => {});
    }
  }

  /** Takes what workers have said; returns how many messages that were. */
  async #hear(): Promise<number> {
    const messages = await this.#queue.heard(this.#name);
    let taken = 0;
    try {
      for (const message of messages) {
        // What failed is tried again by who resumes the sweep; what could not be stored is still to be heard.
        if (message.type === 'failed') taken++;
        await this.#take(message);
        if (message.type !== 'failed') taken++;
      }
    } finally {
      if (taken > 0) await this.#queue.dismiss(this.#name, taken);
    }
    return messages.length;
  }

  async #publishAgain(missing: readonly number[]): Promise<void> {
    const lost = missing.filter((trial) => this.#published.has(trial) && !this.#wanted.has(trial));
    if (lost.length > 0) await this.#queue.add(this.#name, lost);
  }

  async #publish(): Promise<void> {
    const trials = this.#unpublished.splice(0, MOST_PUBLISHED - this.#published.size);
    if (trials.length === 0) return;
    for (const trial of trials) this.#published.add(trial);
    await this.#queue.add(this.#name, trials);
  }

  /** Trains what no worker has begun, the last of it first: workers begin at the other end. */
  async #trainHere(signal: AbortSignal, slot: number): Promise<void> {
    const { counter, jobs, report } = this.#training;
    while (!this.#isDone && !signal.aborted) {
      const number = await this.#takeBack();
      if (number === undefined) {
        await sleep(POLL, undefined, { signal }).catch(() => {});
        continue;
      }
      const trial = this.#trials.get(number)!;
      this.#here.add(number);
      try {
        const record = await this.#train(trial, signal, slot);
        this.#records.set(number, { host: 'this machine', record });
      } catch (error) {
        if (!isOutOfMemory(error) || jobs === 1) throw error;
        counter.restart(trial);
        this.#unpublished.push(number);
        report({
          type: 'notice',
          message: `${(error as Error).message}; it is trained again, with one fewer at a time`,
        });
        return;
      } finally {
        this.#here.delete(number);
      }
    }
  }

  /** The last of the trials that no worker has begun; undefined where there is none. */
  async #takeBack(): Promise<number | undefined> {
    const unpublished = this.#unpublished.pop();
    if (unpublished !== undefined) return unpublished;
    for (const trial of [...this.#published].reverse()) {
      if (this.#running.has(trial) || this.#wanted.has(trial)) continue;
      this.#wanted.add(trial);
      const isBack = await this.#queue.takeBack(this.#name, trial);
      this.#wanted.delete(trial);
      // Unless its result came meanwhile.
      if (isBack && this.#published.delete(trial)) return trial;
    }
    return undefined;
  }

  async #take(message: WorkerMessage): Promise<void> {
    const { host } = message;
    if (message.type === 'refused') return this.#refuse(host, message.reason);
    const trial = this.#trials.get(message.trial);
    if (!trial) return;
    if (message.type === 'result') return this.#takeResult(trial, message);
    // What was said to a run that has ended.
    if (!this.#published.has(trial.number)) return;
    if (message.type === 'failed') {
      const { code, reason } = message;
      throw trialFailure(new ConvsweepError(code as ErrorCode, `${reason} (on ${host})`), trial);
    }
    const { counter, report } = this.#training;
    if (message.type === 'start' || !this.#running.has(trial.number)) {
      // Again, where the worker that had it is gone.
      counter.restart(trial);
      this.#running.add(trial.number);
      counter.start(trial);
      report({ type: 'trialStart', trial });
    }
    if (message.type !== 'epochs') return;
    for (const [i, logs] of message.logs.entries()) {
      counter.epoch(trial);
      report({ type: 'epoch', trial, epoch: message.first + i, logs });
    }
  }

  #refuse(host: string, reason: string): void {
    const text = `${host} trains no trials of this sweep: ${reason}`;
    if (this.#refusals.has(text)) return;
    this.#refusals.add(text);
    this.#training.report({ type: 'notice', message: text });
  }

  async #takeResult(
    trial: Trial,
    { host, engine, record: told, model, late }: TrialResult & { host: string },
  ): Promise<void> {
    const { config: planned, mixed } = this.#description;
    const { counter, keep, report } = this.#training;
    const { number } = trial;
    const record = this.#reader.check(told);
    const own = trialEngine(planned);
    const isOwn = isSameEngine(engine, own);
    const known = this.#records.get(number);
    if (known) {
      if (isOwn && known.record.engine === undefined) requireSameResult(known, { host, record });
      return this.#removeModel(number);
    }
    if (this.#here.has(number)) return;
    if (!isOwn && !mixed) {
      this.#refuse(host, `its engine is ${engineText(engine)}, not ${engineText(own)}; ${engineRemedy(own)}`);
      return;
    }
    if (record.status === 'finished' && !(await this.#storeModel(record, model))) {
      report({
        type: 'notice',
        message: `The model of trial ${number} from ${host} is lost; it is trained again`,
      });
      return;
    }
    const kept = isOwn ? record : { ...record, engine };
    await keep(kept);
    this.#published.delete(number);
    this.#running.delete(number);
    this.#records.set(number, { host, record: kept });
    await this.#removeModel(number);
    if (late) await this.#queue.takeBack(this.#name, number);
    counter.finish(kept);
    report({ type: 'trialEnd', trial, record: kept });
  }

  /** Whether the model is now in the folder, as the record says. */
  async #storeModel(
    { trial, checkpoint }: Extract<TrialRecord, { status: 'finished' }>,
    place: ModelPlace | undefined,
  ): Promise<boolean> {
    const { folder } = this.#training;
    const bytes =
      place === 'folder'
        ? await folder.read(folder.handedOver(trial))
        : await this.#queue.model(this.#name, trial);
    if (!bytes || createHash('sha256').update(bytes).digest('hex') !== checkpoint.sha256) return false;
    await writeWhole(folder.file(checkpointFile(trial)), bytes);
    return true;
  }

  async #removeModel(trial: number): Promise<void> {
    const { folder } = this.#training;
    await this.#queue.removeModel(this.#name, trial);
    await folder.remove(folder.handedOver(trial));
  }
}
