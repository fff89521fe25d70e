import { MultiBar, type SingleBar } from 'cli-progress';
import { formatDuration } from '../report/duration.js';
import type { SweepEvent } from '../sweep/events.js';
import type { TrialRecord } from '../sweep/trial.js';
import { note } from './terminal.js';

/** `60% (100, 60, 100)` */
export function describeRecord({ split, parameters }: Pick<TrialRecord, 'split' | 'parameters'>): string {
  const values = Object.values(parameters).map((value) =>
    Array.isArray(value) ? `(${value.join(', ')})` : String(value),
  );
  return [split, ...values].join(' ');
}

/** A sweep's progress on standard error: a bar where that is a terminal, and a line per finished trial. */
export class SweepDisplay {
  readonly #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;

  constructor() {
    if (!process.stderr.isTTY) return;
    this.#bars = new MultiBar({
      format: '{bar} {value}/{total} trials  {epochs} epochs  {rate} images/s  {left} left  best {best}',
      barsize: 20,
      stream: process.stderr,
      hideCursor: true,
      gracefulExit: false,
    });
  }

  show(event: SweepEvent): void {
    const { progress } = event;
    if (event.type === 'notice') this.line(event.message);
    if (event.type === 'start') this.#start(event);
    if (event.type === 'trialEnd') this.line(trialLine(event.record, progress.total));
    this.#bar?.update(progress.done, {
      epochs: progress.epochs,
      rate: Math.round(progress.imagesPerSecond).toLocaleString('en'),
      left: progress.secondsLeft === undefined ? '?' : formatDuration(progress.secondsLeft),
      best: progress.best ? `${progress.best.accuracy.toFixed(4)} (${describeRecord(progress.best)})` : '-',
    });
  }

  /** Prints a line above the bar. */
  line(text: string): void {
    if (this.#bar) this.#bars!.log(`${text}\n`);
    else note(text);
  }

  /** Ends the bar. Once it has ended, stopping again would move the cursor up into the lines printed since. */
  stop(): void {
    if (!this.#bar) return;
    this.#bars!.stop();
    this.#bar = undefined;
  }

  #start({ config, jobs, resumed, progress }: Extract<SweepEvent, { type: 'start' }>): void {
    const { device, engine, seed } = config;
    const isa = engine.instructionSet ? ` (${engine.instructionSet})` : '';
    this.line(`${progress.total} trials, ${jobs} at a time on ${device}${isa}, seed ${seed}`);
    if (resumed.length > 0) this.line(`${resumed.length} of them are finished already`);
    for (const split of config.splits) {
      this.line(
        `  ${split.name} of ${split.data.replace(/ first .*$/, '')}: ${split.train} images train, ${split.validation} validate`,
      );
      if (split.description) this.line(`    ${split.description}`);
      this.line(
        `    early stopping looks from epoch ${split.startFromEpoch.epoch + 1} on: ${split.startFromEpoch.reason}`,
      );
    }
    this.#bar = this.#bars?.create(progress.total, progress.done, {
      epochs: 0,
      rate: 0,
      left: '?',
      best: '-',
    });
  }
}

function trialLine(record: TrialRecord, total: number): string {
  const { trial, accuracy, unseenAccuracy, epochs, bestEpoch, seconds, imagesPerSecond } = record;
  const unseen = unseenAccuracy === undefined ? '' : `, unseen ${unseenAccuracy.toFixed(4)}`;
  const rate = Math.round(imagesPerSecond).toLocaleString('en');
  return (
    `[${String(trial).padStart(String(total).length)}/${total}] ${describeRecord(record)}: accuracy ${accuracy.toFixed(4)}${unseen}` +
    ` (epoch ${bestEpoch + 1} of ${epochs}, ${formatDuration(seconds)}, ${rate} images/s)`
  );
}
