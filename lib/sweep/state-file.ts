import { writeWhole } from '../files.js';
import type { SweepConfig } from './config.js';
import type { SweepFolder } from './folder.js';
import { describeTrial, type Trial } from './trial.js';
import { decodeState, encodeState, type TrialState, trialKey } from './trial-state.js';

/** Where the state of a trial in training is kept until the trial has ended. */
export class StateFile {
  readonly #folder: SweepFolder;
  readonly #trial: Trial;
  readonly #key: string;

  constructor(folder: SweepFolder, trial: Trial, config: SweepConfig) {
    this.#folder = folder;
    this.#trial = trial;
    this.#key = trialKey(config, trial.number);
  }

  /**
   * What an earlier run left; undefined where there is nothing that can be gone on with.
   * @param notify told in words of a file that is not as it was left
   * @throws ConvsweepError `FILE`
   */
  async read(notify: (message: string) => void): Promise<TrialState | undefined> {
    const bytes = await this.#folder.read(this.#name);
    const state = bytes && decodeState(bytes, this.#key);
    if (bytes && !state) {
      const path = this.#folder.file(this.#name);
      notify(
        `${path} is damaged or of another sweep; ${describeTrial(this.#trial)} is trained from its first epoch`,
      );
    }
    return state;
  }

  /** @throws ConvsweepError `FILE` */
  async write(state: TrialState): Promise<void> {
    await writeWhole(this.#folder.file(this.#name), encodeState(state, this.#key));
  }

  /** @throws ConvsweepError `FILE` */
  async remove(): Promise<void> {
    await this.#folder.remove(this.#name);
  }

  get #name(): string {
    return this.#folder.state(this.#trial.number);
  }
}
