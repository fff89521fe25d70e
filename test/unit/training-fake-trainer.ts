import { Dataset } from '../../lib/data/dataset.js';
import type { EpochPlan } from '../../lib/data/epoch-plan.js';
import type { Trainer } from '../../lib/training/trainer.js';

/** A data set of `count` 1 x 1 images. */
export function tinyDataset(count: number): Dataset {
  return Dataset.from({ images: new Uint8Array(count), labels: new Uint8Array(count), height: 1, width: 1 });
}

/** A model that learns nothing: its validation losses are given, and its state is the number of epochs trained. */
export class FakeTrainer implements Trainer {
  readonly model = this;
  readonly seed = 7;
  stopTraining = false;
  /** What was called, in order. */
  readonly calls: string[] = [];
  readonly plans: EpochPlan[] = [];
  readonly saved: { path: string; state: number }[] = [];
  state = 0;
  rejectCall: ((error: Error) => void) | undefined;
  hangs = false;

  constructor(readonly validationLosses: readonly number[] = []) {}

  requireFitting(argument: string): void {
    this.calls.push(`require ${argument}`);
  }

  async trainEpoch(_data: Dataset, plan: EpochPlan) {
    this.calls.push('train');
    this.plans.push(plan);
    if (this.hangs) {
      await new Promise((_, reject) => {
        this.rejectCall = reject;
      });
    }
    this.state++;
    return { loss: 1 / this.state, accuracy: 1 - 1 / (this.state + 1) };
  }

  async evaluate() {
    this.calls.push('evaluate');
    return { loss: this.validationLosses[this.state - 1]!, accuracy: 0.5 };
  }

  progress() {
    return { images: 0, loss: 0, accuracy: 0 };
  }

  abort(): void {
    this.calls.push('abort');
    this.rejectCall?.(new Error('stopped at a batch'));
  }

  async save(path: string): Promise<void> {
    this.saved.push({ path, state: this.state });
  }

  snapshot(): object {
    return { state: this.state };
  }

  restore(snapshot: object): void {
    this.state = (snapshot as { state: number }).state;
  }
}
