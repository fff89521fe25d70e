import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress';
import { formatDuration } from '../report/duration.js';
import type { SweepEvent } from '../sweep/events.js';
import type { TrialRecord } from '../sweep/trial.js';
import { describeRecord } from './describe-record.js';
import { progressLine } from './progress-line.js';
import { note } from './terminal.js';
import { startEpochText } from './training-options.js';

/** A sweep's progress on standard error: a bar where that is a terminal, and a line per finished trial. */
export class SweepDisplay {
  readonly #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;

  constructor() {
    if (!process.stderr.isTTY) return;
    this.#bars = new cliProgress.MultiBar({
      format: (options, { progress }, { now }) =>
        progressLine(cliProgress.Format.BarFormat(progress, options), now, process.stderr.columns ?? 80),
      barsize: 10,
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
    this.#bar?.update(progress.done, { now: progress });
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
    if (resumed.length > 0) this.line(`${shareText(resumed.length, progress.total)} finished already`);
    for (const split of config.splits) {
      this.line(
        `  ${split.name} of ${split.data}: ${split.train} images train, ${split.validation} validate`,
      );
      if (split.description) this.line(`    ${split.description}`);
      this.line(`    ${startEpochText(split.startFromEpoch)}`);
    }
    this.#bar = this.#bars?.create(progress.total, progress.done, { now: progress });
  }
}

/** `all are`, `1 of them is`, `3 of them are` */
function shareText(count: number, total: number): string {
  if (count === total) return 'all are';
  return count === 1 ? '1 of them is' : `${count} of them are`;
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
