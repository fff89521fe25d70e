import { ConvsweepError, invalidArgument } from '../errors.js';
import { oneOf } from '../validate.js';
import type { Logs, Monitor } from './callback.js';

/** Which way a watched quantity improves; `auto` is `max` for accuracies and `min` for losses. */
export type MonitorMode = 'auto' | 'min' | 'max';

const monitors: readonly Monitor[] = ['loss', 'accuracy', 'val_loss', 'val_accuracy'];

/** A quantity of the logs and the direction in which it improves. */
export class MonitoredQuantity {
  readonly name: Monitor;
  readonly direction: 'min' | 'max';

  /** @throws ConvsweepError `INVALID_ARGUMENT` for another monitor or mode */
  constructor(name: Monitor, mode: MonitorMode) {
    if (!monitors.includes(name)) throw invalidArgument('monitor', `one of ${monitors.join(', ')}`, name);
    oneOf(['auto', 'min', 'max'])('mode', mode);
    this.name = name;
    this.direction = mode === 'auto' ? (name.endsWith('accuracy') ? 'max' : 'min') : mode;
  }

  /** What any number improves on. */
  get worst(): number {
    return this.direction === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** @throws ConvsweepError `INVALID_ARGUMENT` when the logs have no such quantity */
  read(logs: Logs): number {
    const value = logs[this.name];
    if (value === undefined) throw missingMonitor(this.name);
    return value;
  }

  /** Strictly better by more than `minDelta`; NaN never is. */
  improves(current: number, best: number, minDelta = 0): boolean {
    return this.direction === 'min' ? current + minDelta < best : current - minDelta > best;
  }
}

/** The error of a callback that watches what the logs will not have. */
export function missingMonitor(monitor: Monitor): ConvsweepError {
  return new ConvsweepError(
    'INVALID_ARGUMENT',
    `A callback watches ${monitor}, but fit was given no validation data; pass validationData, or watch loss or accuracy`,
  );
}
