import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Dataset } from '../../lib/data/dataset.js';
import { packageRoot } from '../../lib/package.js';
import type { Split } from './trial.js';

/** What a peer measured, one JSON object per line. */
export interface PeerResult {
  peer: string;
  /** Models trained at the same time. */
  models?: number;
  /** Seconds of the first epoch, compilation included, and of a later one. */
  cold?: number;
  warm?: number;
  /** Why there are no numbers. */
  missing?: string;
}

/** The script that measures them: `peers.py FOLDER [SETTING ...]`. */
export function peersScript(): string {
  return join(packageRoot(), 'bench', 'gpu', 'peers.py');
}

/** Writes what the script reads. */
export async function writePeerData({ store, rows }: Dataset, folder: string): Promise<void> {
  await writeFile(join(folder, 'images.bin'), store.images);
  await writeFile(join(folder, 'labels.bin'), store.labels);
  await writeFile(join(folder, 'rows.bin'), new Uint8Array(Uint32Array.from(rows).buffer));
}

/** Runs all settings of the script with the `python3` of the path on the same images and batches. */
export async function peerTimes(split: Split, python: string, say: (line: string) => void) {
  const folder = await mkdtemp(join(tmpdir(), 'convsweep-peers-'));
  try {
    await writePeerData(split.train, folder);
    const child = spawn(python, [peersScript(), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<string | undefined>((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('close', (code) => resolve(code === 0 ? undefined : `it ended with ${code}`));
    });
    const results: PeerResult[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      results.push(JSON.parse(line));
      say(line);
    }
    const failure = await ended;
    if (failure !== undefined) results.push({ peer: python, missing: failure });
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
