// Builds the tests of the engine, and runs them: those of the CPU kernels with AddressSanitizer and UBSan, for each
// instruction set that this machine has (gradients against a double-precision reference, ties, blank images, partial
// batches), those of the executor with ThreadSanitizer too, as is the text of CUDA kernels with barriers; and, where the
// CUDA toolkit and cuDNN are, what cuDNN plans for the CUDA backend on GPUs that are described to it.
// Usage: npm run test:native [-- --short] [-- options of ctest]; the short form leaves out all instruction sets but the
// machine's best and the baseline, whose kernels take minutes to compile with sanitizers.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cmakeBuild, mustRun, root, sanitized } from './cmake.mjs';

const [short, rest] =
  process.argv[2] === '--short' ? [true, process.argv.slice(3)] : [false, process.argv.slice(2)];

function test({ folder, definitions }, kernels, targets, ...options) {
  const all = [...definitions, `-DCONVSWEEP_KERNELS=${kernels}`];
  for (const args of cmakeBuild(folder, undefined, targets, ...all)) mustRun('cmake', args);
  const jobs = String(availableParallelism());
  mustRun('ctest', ['--test-dir', folder, '--output-on-failure', '--parallel', jobs, ...options]);
}

function best() {
  try {
    return /\bavx512bw\b/.test(readFileSync('/proc/cpuinfo', 'utf8')) ? 'avx512' : 'avx2';
  } catch {
    return 'avx2';
  }
}

const targets = ['native_tests', 'executor_tests', 'convolution_plan_tests'];
test(sanitized, short ? best() : 'avx512;avx2', targets, ...rest);
const threads = {
  folder: join(root, 'build', 'native-tests-threads'),
  definitions: ['-DCONVSWEEP_TESTS=ON', '-DCONVSWEEP_SANITIZE=thread'],
};
test(threads, '', ['executor_tests', 'block_kernel_tests'], '-R', 'executor|block_kernels');
