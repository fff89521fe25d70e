// Builds the tests of the CPU kernels with AddressSanitizer and UBSan, and runs them for each instruction set that this
// machine has: gradients against a double-precision reference, ties, blank images, partial batches.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build', 'native-tests');
const jobs = String(availableParallelism());

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error)
    console.error(
      `${command}: ${error.message}; on Debian or Ubuntu: sudo apt-get install -y cmake g++ make`,
    );
  if (status !== 0) process.exit(status ?? 1);
}

run(
  'cmake',
  ...['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DCONVSWEEP_CUDA=OFF'],
  ...['-DCONVSWEEP_TESTS=ON', '-DCONVSWEEP_SANITIZE=address,undefined'],
);
run('cmake', '--build', folder, '--target', 'native_tests', '--parallel', jobs);
run('ctest', '--test-dir', folder, '--output-on-failure', '--parallel', jobs, ...process.argv.slice(2));
