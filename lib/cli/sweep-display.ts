import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress';
import type { SweepEvent } from '../sweep/events.js';
import { trainedSplits } from '../sweep/trained-splits.js';
import { progressLine } from './progress-line.js';
import { note } from './terminal.js';
import { startEpochText } from './training-options.js';
import { trialLine } from './trial-line.js';
import { wrapText } from './wrap-text.js';

/** A sweep's progress on standard error: a bar where that is a terminal, and a line per finished trial. */
export class SweepDisplay {
  readonly #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;
  /** Of the whole sweep, of which only some may be trained here. */
  #trials = 0;

  constructor() {
    if (!process.stderr.isTTY) return;
    this.#bars = new cliProgress.MultiBar({
      format: (options, { progress }, { now }) =>
        progressLine(cliProgress.Format.BarFormat(progress, options), now, this.#columns),
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
    if (event.type === 'trialEnd') this.line(trialLine(event.record, this.#trials, this.#columns));
    this.#bar?.update(progress.done, { now: progress });
  }

  /** Prints a line above the bar. */
  line(text: string): void {
    // The terminal does not break lines while there is a bar.
    if (this.#bar) this.#bars!.log(`${wrapText(text, this.#columns)}\n`);
    else note(text);
  }

  /** Ends the bar. Once it has ended, stopping again would move the cursor up into the lines printed since. */
  stop(): void {
    if (!this.#bar) return;
    // Prints the lines that wait for the next drawing; stopping drops them.
    this.#bars!.update();
    this.#bars!.stop();
    this.#bar = undefined;
  }

  /** Of the terminal as it is now. */
  get #columns(): number {
    if (!this.#bars) return Number.POSITIVE_INFINITY;
    // A terminal whose size nobody set says 0.
    return process.stderr.columns || 80;
  }

  #start({ config, jobs, resumed, progress }: Extract<SweepEvent, { type: 'start' }>): void {
    const { device, engine, seed, trials } = config;
    this.#trials = trials;
    const isa = engine.instructionSet ? ` (${engine.instructionSet})` : '';
    const count = progress.total === 1 ? '1 trial' : `${progress.total} trials`;
    this.line(`${count}, ${jobs} at a time on ${device}${isa}, seed ${seed}`);
    if (resumed.length > 0) this.line(`${shareText(resumed.length, progress.total)} finished already`);
    for (const split of trainedSplits(config)) {
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
