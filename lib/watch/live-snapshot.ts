import { pageSections, reportHtml, type TrialCurves, trialCurves } from '../report/page/page.js';
import type { LiveStatus } from '../report/page/status.js';
import type { SweepReport } from '../report/sweep-report.js';
import type { TrialRecord } from '../sweep/trial.js';

/** What browsers are shown at one moment of a sweep: made once, however many ask for it. */
export class LiveSnapshot {
  readonly #report: SweepReport;
  readonly #status: LiveStatus;
  readonly #records: readonly TrialRecord[];
  readonly #running: readonly TrialCurves[];
  #page: Buffer | undefined;
  #sections: string | undefined;
  /** By how many of the records the browser knows. */
  readonly #messages = new Map<number, Buffer>();

  /**
   * @param records in the order in which browsers are told of them
   * @param running the curves of trials in training
   */
  constructor(
    report: SweepReport,
    status: LiveStatus,
    records: readonly TrialRecord[],
    running: readonly TrialCurves[],
  ) {
    this.#report = report;
    this.#status = status;
    this.#records = records;
    this.#running = running;
  }

  /** How many records a browser knows that has been sent this snapshot. */
  get told(): number {
    return this.#records.length;
  }

  /** The whole page. */
  page(): Buffer {
    this.#page ??= Buffer.from(reportHtml(this.#report, this.#status, this.#running));
    return this.#page;
  }

  /** A server-sent event for browsers that have been told of the first `told` records. */
  message(event: 'update' | 'end', told: number): Buffer {
    const made = this.#messages.get(told);
    if (made) return made;
    this.#sections ??= JSON.stringify(pageSections(this.#report, this.#status));
    const trials = JSON.stringify([...this.#records.slice(told).map(trialCurves), ...this.#running]);
    const best = this.#report.best ? `,"best":${this.#report.best.trial}` : '';
    // JSON has no line ends, which would end the message.
    const data = `{"sections":${this.#sections},"trials":${trials}${best}}`;
    const message = Buffer.from(`event: ${event}\ndata: ${data}\n\n`);
    this.#messages.set(told, message);
    return message;
  }
}
