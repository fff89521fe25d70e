import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, test } from '@jest/globals';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const INSTALL = 'apt-get install chromium';

/** Starting a browser takes a while on a busy machine. */
export const CHROMIUM_TIMEOUT = 120_000;

/**
 * `describe` for what needs a Chromium. Where there is none the tests are skipped, or fail if CONVSWEEP_INTEROP is 1,
 * as in CI.
 */
export function describeWithChromium(title: string, body: () => void): void {
  if (findChromium() !== undefined) {
    describe(title, body);
  } else if (process.env.CONVSWEEP_INTEROP === '1') {
    test(title, () => {
      throw new Error(`Found none of ${NAMES.join(', ')}; install it: ${INSTALL}`);
    });
  } else {
    describe.skip(`${title} (to run these: ${INSTALL})`, body);
  }
}

/**
 * Opens a page without a window and returns its document as it is after a few seconds of the page's own time, which
 * stands still while something is being loaded.
 */
export async function documentOf(url: string): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  try {
    const { stdout } = await promisify(execFile)(
      findChromium()!,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--user-data-dir=${profile}`,
        '--hide-scrollbars',
        '--window-size=1300,900',
        '--virtual-time-budget=3000',
        '--dump-dom',
        url,
      ],
      { timeout: CHROMIUM_TIMEOUT, maxBuffer: 2 ** 26 },
    );
    return stdout;
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
