// Builds the CPU addon and the native tests with every C++ compiler that is found, warnings taken for errors, and runs
// the tests. Arguments name compilers to try instead.
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cmakeBuild, root, run } from './cmake.mjs';

const versions = (name, first, last) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${name}-${first + i}`);
const known = ['g++', 'clang++', ...versions('g++', 10, 16), ...versions('clang++', 14, 22)];
const targets = ['convsweep_cpu', 'native_tests', 'executor_tests'];

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

function test(compiler) {
  const folder = join(root, 'build', 'compilers', compiler.replaceAll('/', '_'));
  const log = [];
  const logged = (command, args) => {
    const { passed, output } = run(command, args, { env: { CONVSWEEP_WERROR: 'ON' } });
    log.push(output);
    return passed;
  };
  const passed =
    cmakeBuild(folder, compiler, targets, '-DCONVSWEEP_TESTS=ON').every((args) => logged('cmake', args)) &&
    logged('ctest', ['--test-dir', folder, '--output-on-failure']);
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
