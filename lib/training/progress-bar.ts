import type { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { formatFixed, formatScientific } from '../python/format.js';

/** How much `fit` shows: 0 nothing, 1 a bar, 2 a line per epoch. */
export type Verbosity = 0 | 1 | 2;

export interface ProgressBarOptions {
  /** Number of steps. */
  target: number;
  stream: Writable;
  verbose: Exclude<Verbosity, 0>;
  /** Seconds, any origin. Default: a monotonic clock. */
  clock?: () => number;
}

const WIDTH = 30;
/** Seconds between two drawings of the bar. */
const INTERVAL = 0.05;

/**
 * Keras' `Progbar` for one epoch, character for character: with verbose 1 a bar that redraws itself, with 2 one line. On
 * a terminal too narrow for it the bar is shorter until the epoch is done.
 */
export class ProgressBar {
  readonly #target: number;
  readonly #stream: Writable;
  readonly #verbose: Verbosity;
  readonly #clock: () => number;
  readonly #start: number;
  #lastUpdate = Number.NEGATIVE_INFINITY;
  #timeAfterFirstStep: number | undefined;
  #lineWidth = 0;

  constructor(options: ProgressBarOptions) {
    this.#target = options.target;
    this.#stream = options.stream;
    this.#verbose = options.verbose;
    this.#clock = options.clock ?? (() => performance.now() / 1000);
    this.#start = this.#clock();
  }

  /** Redraws the bar, unless it was drawn a moment ago. */
  update(step: number, values: object): void {
    if (this.#verbose !== 1) return;
    const now = this.#clock();
    if (now - this.#lastUpdate < INTERVAL) return;
    const eta = this.#secondsPerStep(step, now) * (this.#target - step);
    this.#draw(step, ` - ETA: ${formatEta(eta)}${formatValues(values)}`, '');
    this.#lastUpdate = now;
  }

  /** Writes the epoch's last line and its line end. */
  finish(values: object): void {
    const now = this.#clock();
    const seconds = now - this.#start;
    const elapsed = ` - ${formatFixed(seconds, 0)}s`;
    if (this.#verbose === 1) {
      const perStep = formatDuration(this.#secondsPerStep(this.#target, now), 'step');
      this.#draw(this.#target, `${elapsed} ${perStep}${formatValues(values)}`, '\n');
    } else {
      const perEpoch = formatDuration(seconds, 'epoch');
      const perStep = formatDuration(seconds / this.#target, 'step');
      const count = `${this.#target}/${this.#target}`;
      this.#stream.write(`${count}${elapsed}${formatValues(values)} - ${perEpoch} - ${perStep}\n`);
    }
  }

  #draw(step: number, info: string, end: string): void {
    const count = `${String(step).padStart(String(this.#target).length)}/${this.#target}`;
    // A line that wraps cannot be drawn over; the last one need not be.
    const room = end === '' ? this.#columns - 1 : Number.POSITIVE_INFINITY;
    const width = Math.min(WIDTH, Math.max(0, room - `${count} []${info}`.length));
    const line = `${count} [${this.#bar(step, width)}]${info}`.slice(0, room);
    const erase = `${'\b'.repeat(this.#lineWidth)}\r`;
    const padding = ' '.repeat(Math.max(0, this.#lineWidth - line.length));
    this.#stream.write(erase + line + padding + end);
    this.#lineWidth = line.length;
  }

  #bar(step: number, width: number): string {
    const filled = Math.floor(width * (step / this.#target));
    const head = step < this.#target ? '>' : '=';
    return (filled > 0 ? '='.repeat(filled - 1) + head : '').padEnd(width, '.');
  }

  /** Of the terminal as it is now; elsewhere there is no end. */
  get #columns(): number {
    // A terminal whose size nobody set says 0.
    return (this.#stream as Partial<WriteStream>).columns || Number.POSITIVE_INFINITY;
  }

  /** The first step is left out where it was seen: it is slower than the others. */
  #secondsPerStep(step: number, now: number): number {
    if (step === 0) return 0;
    const estimate =
      this.#timeAfterFirstStep !== undefined && step > 1
        ? (now - this.#timeAfterFirstStep) / (step - 1)
        : (now - this.#start) / step;
    if (step === 1) this.#timeAfterFirstStep = now;
    return estimate;
  }
}

function formatValues(values: object): string {
  return Object.entries(values)
    .map(
      ([name, value]) =>
        ` - ${name}: ${Math.abs(value) > 1e-3 ? formatFixed(value, 4) : formatScientific(value, 4)}`,
    )
    .join('');
}

function formatEta(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds > 3600)
    return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  if (seconds > 60) return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  return `${whole}s`;
}

function formatDuration(seconds: number, unit: string): string {
  if (seconds >= 1 || seconds === 0) return `${formatFixed(seconds, 0)}s/${unit}`;
  if (seconds >= 1e-3) return `${formatFixed(seconds * 1e3, 0)}ms/${unit}`;
  return `${formatFixed(seconds * 1e6, 0)}us/${unit}`;
}
