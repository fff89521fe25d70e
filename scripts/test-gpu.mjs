// npm run test:gpu [-- JEST OPTIONS]: the tests of a GPU and the parity tests on it, each suite in a process of its own
// with a time limit. A lost device ends one suite that way, not all. The suite that fills the memory comes last.
// Says how each ended as soon as it has. Ends with a table of the suites, and with 1 if any of them failed.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_SECONDS = Number(process.env.CONVSWEEP_SUITE_SECONDS ?? 300);
const LAST = 'memory.test.js';

const suites = ['gpu', 'parity']
  .map((folder) => join(root, 'dist', 'test', folder))
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((path) => path.endsWith('.test.js'))
  .sort((a, b) => Number(basename(a) === LAST) - Number(basename(b) === LAST));

/** The suite that runs. */
let current;

/** Runs one suite in a process group, which is ended as a whole when its time is over. */
function run(suite) {
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const options = ['--config', join(root, 'test', 'gpu', 'jest.config.js'), ...process.argv.slice(2)];
  const child = spawn(
    process.execPath,
    [
      ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest, ...options],
      ...['--runTestsByPath', suite],
    ],
    { cwd: root, stdio: 'inherit', detached: true },
  );
  current = child;
  return new Promise((resolve) => {
    let outcome;
    const timer = setTimeout(() => {
      outcome = `not done within ${LIMIT_SECONDS} s`;
      process.kill(-child.pid, 'SIGKILL');
    }, LIMIT_SECONDS * 1e3);
    child.on('error', (error) => {
      outcome = error.message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      current = undefined;
      resolve(outcome ?? (code === 0 ? 'passed' : `failed (${signal ?? code})`));
    });
  });
}

// A suite's group does not end with this process by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (current?.pid !== undefined) process.kill(-current.pid, 'SIGKILL');
    process.exit(1);
  });
}

const outcomes = [];
for (const path of suites) {
  const suite = basename(path, '.test.js');
  const begin = performance.now();
  const outcome = await run(path);
  const seconds = ((performance.now() - begin) / 1e3).toFixed(1);
  outcomes.push({ suite, outcome, seconds });
  console.log(`${suite}: ${outcome}, ${seconds} s`);
}
console.log('\n| suite | outcome | seconds |\n| --- | --- | --- |');
for (const { suite, outcome, seconds } of outcomes) console.log(`| ${suite} | ${outcome} | ${seconds} |`);
process.exit(outcomes.every(({ outcome }) => outcome === 'passed') ? 0 : 1);
