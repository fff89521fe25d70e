// Builds the CUDA addon and convsweep_probe into build/facts, for `npm run gpu:facts`. In a folder of its own, so that
// what was built for every GPU stays: CUDAARCHS may name the one architecture that is at hand, as for CMake (90-real).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cmakeBuild, mustRun, root } from './cmake.mjs';

const folder = join(root, 'build', 'facts');
const [configure, build] = cmakeBuild(
  folder,
  undefined,
  ['convsweep_cuda', 'convsweep_probe'],
  ...['-DCONVSWEEP_CUDA=AUTO', '-DCONVSWEEP_PROBE=ON'],
  `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(folder, 'Release')}`,
  `-DCMAKE_RUNTIME_OUTPUT_DIRECTORY=${join(folder, 'Release')}`,
);

mustRun('cmake', configure);
const { missing } = JSON.parse(readFileSync(join(folder, 'cuda.json'), 'utf8'));
if (missing) {
  console.error(`convsweep: ${missing}`);
  process.exit(1);
}
mustRun('cmake', build);
