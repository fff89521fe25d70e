import { join } from 'node:path';
import { ConvsweepError } from '../errors.js';
import { readWhole } from '../files.js';
import type { SweepConfig } from '../sweep/config.js';
import { parseConfig } from '../sweep/stored-config.js';

const CONFIG = 'config.json';

/**
 * The configuration of the sweep in a folder, for whoever looks at it.
 * @throws ConvsweepError `FILE` when the folder holds no sweep, `INVALID_DATA` when its configuration is damaged
 */
export async function readSweepConfig(folder: string): Promise<SweepConfig> {
  const path = join(folder, CONFIG);
  const text = await readText(path);
  if (text !== undefined) return parseConfig(text, path);
  throw new ConvsweepError(
    'FILE',
    `${folder} holds no sweep (${CONFIG} is missing); give the folder of one, which convsweep sweep --out ${folder} makes`,
  );
}

/**
 * @returns undefined if there is no such file
 * @throws ConvsweepError `FILE` when it cannot be read, `INVALID_DATA` when it is no JSON
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConvsweepError('INVALID_DATA', `Expected JSON in ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function readText(path: string): Promise<string | undefined> {
  const bytes = await readWhole(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new ConvsweepError('FILE', `Cannot read ${path}: ${cause.message}`, { cause });
  });
  return bytes?.toString('utf8');
}
