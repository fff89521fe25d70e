// Builds the tests of the engine, and runs them: those of the CPU kernels with AddressSanitizer and UBSan, for each
// instruction set that this machine has (gradients against a double-precision reference, ties, blank images, partial
// batches), those of the executor with ThreadSanitizer too, as is the text of CUDA kernels with barriers; and, where the
// CUDA toolkit and cuDNN are, what cuDNN plans for the CUDA backend on GPUs that are described to it.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const jobs = String(availableParallelism());

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error)
    console.error(
      `${command}: ${error.message}; on Debian or Ubuntu: sudo apt-get install -y cmake g++ make`,
    );
  if (status !== 0) process.exit(status ?? 1);
}

function test(name, sanitizers, cuda, targets, ...options) {
  const folder = join(root, 'build', name);
  run(
    'cmake',
    ...['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', `-DCONVSWEEP_CUDA=${cuda}`],
    ...['-DCONVSWEEP_TESTS=ON', `-DCONVSWEEP_SANITIZE=${sanitizers}`],
  );
  run('cmake', '--build', folder, '--target', ...targets, '--parallel', jobs);
  run('ctest', '--test-dir', folder, '--output-on-failure', '--parallel', jobs, ...options);
}

test(
  'native-tests',
  'address,undefined',
  'AUTO',
  ['native_tests', 'executor_tests', 'convolution_plan_tests'],
  ...process.argv.slice(2),
);
test(
  'native-tests-threads',
  'thread',
  'OFF',
  ['executor_tests', 'block_kernel_tests'],
  ...['-R', 'executor|block_kernels'],
);
