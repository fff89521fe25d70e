import { ConvsweepError } from '../errors.js';
import { configDifferences, differences, type SweepConfig, withoutEngine } from './config.js';
import { engineText } from './engine.js';
import type { SweepFolder } from './folder.js';
import { readJournal } from './journal.js';
import { finishedOnly } from './selection.js';
import type { TrialRecord } from './trial.js';

/**
 * The configuration of the sweep in the folder.
 * @throws ConvsweepError `FILE` when there is none, `INVALID_DATA` when it is damaged
 */
export function configToResume(folder: SweepFolder): Promise<SweepConfig> {
  return folder.readConfig('sweep to resume', 'leave out --resume (resume) to start one');
}

/**
 * The configuration of the sweep in the folder, gone on with as asked now: with more trials, if those are more. A trial
 * depends on the seed and its number alone, so the first ones are the same.
 * @param mixed whether the engine may be another
 * @throws ConvsweepError `INVALID_ARGUMENT` listing what differs from the sweep in the folder
 */
export function resumedConfig(
  there: SweepConfig,
  now: SweepConfig,
  folder: string,
  mixed = false,
): SweepConfig {
  const grown = { ...there, trials: Math.max(there.trials, now.trials) };
  const found = mixed ? differences(withoutEngine(there), withoutEngine(now)) : configDifferences(grown, now);
  if (found.length === 0) return grown;
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    [
      `${folder} holds a sweep that would have other results; resume it with its own options, or choose another folder with --out (out):`,
      ...found,
    ].join('\n  '),
  );
}

/**
 * The trials that need not be trained again: those in the journal whose checkpoints are there, unchanged, and those that
 * diverged, since they would do so again.
 * @param config of the folder's sweep
 * @param notify told in words of what is not as it was left
 */
export async function finishedTrials(
  folder: SweepFolder,
  config: SweepConfig,
  notify: (message: string) => void,
): Promise<Map<number, TrialRecord>> {
  const { records, tornBytes } = await readJournal(folder.journal, config);
  if (tornBytes > 0) {
    notify(`The last line of ${folder.journal} was cut off (${tornBytes} bytes); its trial is trained again`);
  }
  // A process that is killed as a trial ends leaves both its record and its state.
  for (const trial of records.keys()) await folder.remove(folder.state(trial));
  for (const { trial, checkpoint } of finishedOnly(records.values())) {
    const sha256 = await folder.sha256(checkpoint.file);
    if (sha256 === checkpoint.sha256) continue;
    records.delete(trial);
    const finding = sha256 === undefined ? 'is missing' : 'is not the file that was written';
    notify(`${folder.file(checkpoint.file)} ${finding}; trial ${trial} is trained again`);
  }
  return records;
}

/**
 * Throws where a trial was trained by another engine than the sweep's own.
 * @param mixed whether that is wanted
 * @throws ConvsweepError `INVALID_ARGUMENT`
 */
export function requireOneEngine(records: Iterable<TrialRecord>, folder: string, mixed: boolean): void {
  const other = mixed ? undefined : [...records].find(({ engine }) => engine !== undefined);
  if (!other) return;
  throw new ConvsweepError(
    'INVALID_ARGUMENT',
    `${folder} holds trials of several engines: trial ${other.trial} is of ${engineText(other.engine!)}; go on with --mixed (mixed: true)`,
  );
}
