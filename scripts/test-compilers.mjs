// Builds the CPU addon and the native tests with every C++ compiler that is found, warnings taken for errors, and runs
// the tests. Arguments name compilers to try instead.
import { spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const jobs = String(availableParallelism());
const versions = (name, first, last) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${name}-${first + i}`);
const known = ['g++', 'clang++', ...versions('g++', 10, 16), ...versions('clang++', 14, 22)];
/** What cmake-js would pass. */
const headers = [
  dirname(require.resolve('node-addon-api/package.json')),
  require('node-api-headers').include_dir,
].join(';');

/** The file that a command runs, or nothing. */
function find(command) {
  for (const folder of command.includes('/') ? [''] : process.env.PATH.split(delimiter)) {
    try {
      return realpathSync(join(folder, command));
    } catch {
      // Not there.
    }
  }
  return undefined;
}

function run(log, command, ...args) {
  const env = { ...process.env, CONVSWEEP_WERROR: 'ON' };
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8', env });
  log.push(error ? `${command}: ${error.message}` : `${stdout}${stderr}`);
  return status === 0;
}

function test(compiler) {
  const folder = join(root, 'build', 'compilers', compiler.replaceAll('/', '_'));
  const log = [];
  const passed =
    run(
      log,
      'cmake',
      ...['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', `-DCMAKE_CXX_COMPILER=${compiler}`],
      ...['-DCONVSWEEP_CUDA=OFF', '-DCONVSWEEP_TESTS=ON', `-DCMAKE_JS_INC=${headers}`],
    ) &&
    run(
      log,
      'cmake',
      ...['--build', folder, '--parallel', jobs],
      ...['--target', 'convsweep_cpu', 'native_tests', 'executor_tests'],
    ) &&
    run(log, 'ctest', '--test-dir', folder, '--output-on-failure');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'log.txt'), log.join('\n'));
  if (!passed) process.stderr.write(log.at(-1));
  return passed;
}

const files = new Set();
const compilers = (process.argv.length > 2 ? process.argv.slice(2) : known).filter((name) => {
  const file = find(name);
  if (!file || files.has(file)) return false;
  files.add(file);
  return true;
});
if (compilers.length === 0) {
  console.error('No C++ compiler was found. On Debian or Ubuntu: sudo apt-get install -y g++ clang');
  process.exit(1);
}
const failed = compilers.filter((compiler) => {
  const passed = test(compiler);
  console.log(`${compiler}: ${passed ? 'no warnings, all tests pass' : 'FAILED, see above'}`);
  return !passed;
});
process.exit(failed.length === 0 ? 0 : 1);
