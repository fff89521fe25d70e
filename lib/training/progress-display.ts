import type { EpochPlan } from '../data/epoch-plan.js';
import type { Logs } from './callback.js';
import type { FitSettings } from './fit-options.js';
import { ProgressBar } from './progress-bar.js';
import type { Metrics } from './trainer.js';

/** Milliseconds between two looks at the call in flight. */
const POLL_INTERVAL = 50;

/** Shows the epochs of one `fit` as Keras' ProgbarLogger does; without verbosity it does nothing. */
export class ProgressDisplay {
  readonly #settings: FitSettings;
  readonly #steps: number;
  #bar: ProgressBar | undefined;

  constructor(settings: FitSettings, steps: number) {
    this.#settings = settings;
    this.#steps = steps;
  }

  beginEpoch(epoch: number): void {
    const { verbose, output, epochs } = this.#settings;
    if (verbose === 0) return;
    if (epochs > 1) output.write(`Epoch ${epoch + 1}/${epochs}\n`);
    this.#bar = new ProgressBar({ target: this.#steps, stream: output, verbose });
  }

  /** Follows an epoch in training: redraws the bar while it runs and once when it is done. */
  async follow(
    epoch: Promise<Metrics>,
    plan: EpochPlan,
    progress: () => Metrics & { images: number },
  ): Promise<Metrics> {
    const bar = this.#settings.verbose === 1 ? this.#bar : undefined;
    if (!bar) return epoch;
    let step = 0;
    let imagesAfterStep = 0;
    const timer = setInterval(() => {
      const { images, loss, accuracy } = progress();
      while (step < this.#steps && imagesAfterStep + plan.batchSizes[step]! <= images) {
        imagesAfterStep += plan.batchSizes[step++]!;
      }
      if (step > 0) bar.update(step, { loss, accuracy });
    }, POLL_INTERVAL);
    try {
      const metrics = await epoch;
      bar.update(this.#steps, metrics);
      return metrics;
    } finally {
      clearInterval(timer);
    }
  }

  endEpoch(logs: Logs): void {
    this.#bar?.finish(logs);
  }
}
