/**
 * Runs a sweep on disks that are too small for it, each a little larger than the last, and resumes it once there is
 * room. `node small-disk.js [COUNT]`; ends with 77 without leave to mount, which root has, or a user in a namespace.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Case, runCases } from './report.js';
import { type Reference, Victim } from './victim.js';

const INSIDE = 'CONVSWEEP_TEST_NAMESPACE';
const KIB = 1024;
/** What a disk gives out. */
const PAGE = 4096;

if (!process.env[INSIDE]) {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const mayMount =
    spawnSync('unshare', [...user, '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
  if (!mayMount) process.exit(77);
  const args = [...user, '--mount', process.execPath, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  process.exitCode = status ?? 1;
} else {
  const [count = 40] = process.argv.slice(2).map(Number);
  const reference = await Victim.reference('command line');
  const pages = [...reference.files.values()].map(({ length }) => PAGE * Math.ceil(length / PAGE));
  // Enough for it, with its folders and the largest file's draft: also the largest disk may be too small.
  const largest = Math.ceil((pages.reduce((sum, size) => sum + size) + Math.max(...pages)) / KIB);
  await runCases(
    'small disks',
    Array.from({ length: count }, (_, i): Case => {
      const size = 4 * Math.ceil(((i + 1) * largest) / count / 4);
      return { name: `${size} KiB`, run: () => sweepOn(size, reference) };
    }),
  );
}

async function sweepOn(size: number, reference: Reference): Promise<string[]> {
  const disk = mkdtempSync(join(tmpdir(), 'convsweep-disk-'));
  const mount = (...options: string[]) => execFileSync('mount', ['-t', 'tmpfs', ...options, 'none', disk]);
  mount('-o', `size=${size}k`);
  try {
    const victim = new Victim(reference, disk);
    const ended = await victim.run();
    const faults = [...victim.faultsOfError(ended), ...victim.faultsOfFiles()];
    mount('-o', 'remount,size=64m');
    return [...faults, ...(await victim.faultsAfterResume())];
  } finally {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  }
}
