import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { ConvsweepError } from '../errors.js';

/**
 * Writes a file as a whole or not at all, and its folder if that is missing.
 * @throws ConvsweepError `FILE`
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, typeof content === 'string' ? content : Buffer.from(content));
  } catch (cause) {
    throw new ConvsweepError('FILE', `Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
