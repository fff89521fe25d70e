import { trialText } from '../report/page/format.js';
import type { TrialCurves } from '../report/page/page.js';
import type { LiveStatus } from '../report/page/status.js';
import { type SweepReport, sweepReport } from '../report/sweep-report.js';
import type { SweepConfig } from '../sweep/config.js';
import type { SweepEvent } from '../sweep/events.js';
import type { SweepProgress } from '../sweep/progress.js';
import type { Trial, TrialRecord } from '../sweep/trial.js';
import type { EpochHistory } from '../training/history.js';
import { LiveSnapshot } from './live-snapshot.js';

/** What is known of a sweep that is being watched. */
export class LiveSweep {
  readonly #name: string;
  /** In the order of finishing, those of earlier runs first. */
  readonly #records: TrialRecord[] = [];
  /** Trials in training, by number. */
  readonly #running = new Map<number, TrialCurves>();
  readonly #messages: string[] = [];
  #config: SweepConfig | undefined;
  #progress: SweepProgress | undefined;
  #report: SweepReport | undefined;
  #state: LiveStatus['state'] = 'running';

  /** @param name of the sweep's folder */
  constructor(name: string) {
    this.#name = name;
  }

  /** Takes note of what happened. */
  show(event: SweepEvent): void {
    this.#progress = event.progress;
    if (event.type === 'notice') this.#messages.push(`${event.message}.`);
    if (event.type === 'start') {
      this.#config = event.config;
      this.#records.push(...event.resumed);
    }
    if (event.type === 'trialStart') {
      this.#running.set(event.trial.number, startedCurves(event.trial, event.history));
    }
    if (event.type === 'epoch') {
      const { history } = this.#running.get(event.trial.number)!;
      for (const [name, value] of Object.entries(event.logs) as [keyof EpochHistory, number][]) {
        history[name] = [...(history[name] ?? []), value];
      }
    }
    if (event.type === 'trialEnd') {
      this.#running.delete(event.record.trial);
      this.#records.push(event.record);
    }
  }

  /** Takes note that the sweep has finished; its report has more than its events told. */
  finish(report: SweepReport): void {
    this.#state = 'finished';
    this.#report = report;
    this.#running.clear();
  }

  /** Takes note of why the sweep did not finish. */
  stop(reason: string): void {
    this.#state = 'stopped';
    this.#messages.push(reason);
    this.#running.clear();
  }

  /** What there is to show now; undefined before the sweep has begun. */
  snapshot(): LiveSnapshot | undefined {
    if (!this.#config || !this.#progress) return undefined;
    const running = [...this.#running.values()];
    const status = {
      state: this.#state,
      progress: this.#progress,
      running: running.map(runningTrial),
      messages: this.#messages,
    };
    const report = this.#report ?? sweepReport(this.#name, this.#config, this.#records);
    return new LiveSnapshot(report, status, [...this.#records], running);
  }
}

function startedCurves(
  { number, split, parameters, startFromEpoch }: Trial,
  history: EpochHistory = { loss: [], accuracy: [] },
): TrialCurves {
  return {
    trial: number,
    label: trialText({ split: split.name, parameters }),
    history: { ...history },
    startFromEpoch: startFromEpoch.epoch,
    state: 'training',
  };
}

function runningTrial({ trial, label, history }: TrialCurves): LiveStatus['running'][number] {
  const accuracy = history.val_accuracy?.at(-1);
  const epochs = history.loss.length;
  return { trial, label, epochs, ...(accuracy !== undefined && { accuracy }) };
}
