// Builds the tests of the engine, and runs them: those of the CPU kernels with AddressSanitizer and UBSan, for each
// instruction set that this machine has (gradients against a double-precision reference, ties, blank images, partial
// batches), those of the executor with ThreadSanitizer too, as is the text of CUDA kernels with barriers; and, where the
// CUDA toolkit and cuDNN are, what cuDNN plans for the CUDA backend on GPUs that are described to it.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cmakeBuild, mustRun, root, sanitized } from './cmake.mjs';

function test({ folder, definitions }, targets, ...options) {
  for (const args of cmakeBuild(folder, undefined, targets, ...definitions)) mustRun('cmake', args);
  const jobs = String(availableParallelism());
  mustRun('ctest', ['--test-dir', folder, '--output-on-failure', '--parallel', jobs, ...options]);
}

test(sanitized, ['native_tests', 'executor_tests', 'convolution_plan_tests'], ...process.argv.slice(2));
const threads = {
  folder: join(root, 'build', 'native-tests-threads'),
  definitions: ['-DCONVSWEEP_TESTS=ON', '-DCONVSWEEP_SANITIZE=thread', '-DCONVSWEEP_BASELINE=ON'],
};
test(threads, ['executor_tests', 'block_kernel_tests'], '-R', 'executor|block_kernels');
