// Attacks what was built: kills, failing system calls, small disks, damaged files, wrong calls, races. Each part is a
// program of its own that says what it found and ends with 1 if that is anything.
// Usage: npm run test:faults [-- --short] [-- PART ...]; the long form takes hours, the short one minutes.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean', default: false }, results: { type: 'string' } },
  allowPositionals: true,
});
const compiled = (name) => join(root, 'dist', 'test', 'faults', name);
const preload = join(root, 'build', 'faults', 'preload.so');

/** Arguments of each part, in the short form and in the long one. What Jest runs has no short form. */
const PARTS = {
  kills: [[compiled('kills.js')], ['6'], ['200']],
  'queue-kills': [[compiled('queue-kills.js')], ['2'], ['100']],
  calls: [[compiled('calls.js'), preload], ['120'], ['1']],
  'small-disk': [[compiled('small-disk.js')], ['4'], ['40']],
  fuzz: [[compiled('fuzz.js')], ['--inputs', '2000'], ['--inputs', '20000']],
  'lock-races': [[compiled('lock-races.js')], undefined, ['--races', '1000']],
  workers: [[compiled('workers.js')], undefined, ['10', '50']],
  cycles: [[compiled('cycles.js')], undefined, ['2000']],
  abandoned: [[compiled('abandoned.js')], undefined, ['500']],
  addresses: [[join(root, 'scripts', 'test-addon-asan.mjs')], [], []],
};

/** The exit status of a part that this machine does not allow. */
const SKIPPED = 77;

/** A part that takes longer hangs. */
const LIMIT_MINUTES = values.short ? 10 : 240;

const parts = Object.keys(PARTS).filter((name) => !values.short || PARTS[name][1]);
const chosen = positionals.length > 0 ? positionals : parts;
const unknown = chosen.filter((name) => !parts.includes(name));
if (unknown.length > 0) {
  const form = values.short ? ' in the short form' : '';
  console.error(`There is no part ${unknown.join(', ')}${form}; there are ${parts.join(', ')}`);
  process.exit(2);
}

mkdirSync(join(root, 'build', 'faults'), { recursive: true });
const source = join(root, 'test', 'faults', 'preload.c');
const warnings = ['-Wall', '-Wextra', '-Werror'];
if (run('cc', '-shared', '-fPIC', '-O1', ...warnings, '-o', preload, source, '-ldl') !== 0) process.exit(1);

const outcomes = { passed: [], failed: [], skipped: [] };
for (const name of chosen) {
  const [command, short, long] = PARTS[name];
  const begin = performance.now();
  const status = run(process.execPath, ...command, ...(values.short ? short : long));
  const outcome = status === 0 ? 'passed' : status === SKIPPED ? 'skipped' : 'failed';
  outcomes[outcome].push(name);
  console.log(`${name}: ${outcome} after ${((performance.now() - begin) / 1000).toFixed(0)} s`);
}
const counts = Object.fromEntries(
  Object.entries(outcomes).map(([outcome, names]) => [outcome, names.length]),
);
if (values.results) writeFileSync(values.results, JSON.stringify(counts));
console.log(
  Object.entries(counts)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', '),
);
process.exit(counts.failed === 0 ? 0 : 1);

function run(command, ...args) {
  const limits = { timeout: LIMIT_MINUTES * 60_000, killSignal: 'SIGKILL' };
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...limits });
  if (error?.code === 'ENOENT') {
    console.error(`${command} is missing; on Debian or Ubuntu: sudo apt-get install -y gcc`);
  } else if (error?.code === 'ETIMEDOUT') {
    console.error(`${[command, ...args].join(' ')} did not end in ${LIMIT_MINUTES} minutes`);
  } else if (error) {
    console.error(`${command}: ${error.message}`);
  }
  return status ?? 1;
}
