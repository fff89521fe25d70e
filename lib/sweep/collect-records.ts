import type { SweepConfig } from './config.js';
import type { SweepFolder } from './folder.js';
import { Journal, readJournal } from './journal.js';
import { RecordFiles, requireSameResult } from './record-file.js';

/**
 * Moves the records of trials that were trained one by one, which have files of their own, into the journal, where those
 * of a sweep on one machine are. Whoever does this holds the folder's lock.
 * @param mixed whether they may be of other engines
 * @param notify told in words what was taken
 * @throws ConvsweepError `INVALID_DATA` for a damaged one, or one that came out differently before; `INVALID_ARGUMENT` for
 * one of another engine
 */
export async function collectRecords(
  folder: SweepFolder,
  config: SweepConfig,
  mixed: boolean,
  notify: (message: string) => void,
): Promise<void> {
  const numbers = await folder.recorded();
  if (numbers.length === 0) return;
  const files = new RecordFiles(folder, config);
  const { records } = await readJournal(folder.journal, config);
  const journal = await Journal.open(folder.journal);
  try {
    for (const number of numbers) {
      const stored = (await files.read(number))!;
      const record = files.toJournal(stored, mixed);
      const known = records.get(number);
      if (known) requireSameResult({ host: 'the machine of the journal', record: known }, stored);
      else await journal.append(record);
    }
  } finally {
    await journal.close();
  }
  // They stand in the journal, and that is on the disk.
  for (const number of numbers) await files.remove(number);
  notify(`Took the records of ${numbers.length} trials that were trained one by one`);
}
