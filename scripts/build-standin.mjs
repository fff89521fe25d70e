// Builds convsweep_cudasim.node, the CUDA backend over a stand-in for NVIDIA's libraries: the tests run it where no GPU
// is. In a folder of its own, so that nothing of it can be mistaken for a build that is shipped.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cmakeJs = join(
  createRequire(import.meta.url).resolve('cmake-js/package.json'),
  '..',
  'bin',
  'cmake-js',
);
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [
    cmakeJs,
    'compile',
    '--target',
    'convsweep_cudasim',
    '--out',
    join(root, 'build', 'standin'),
    '--CDCONVSWEEP_STANDIN=ON',
    '--CDCONVSWEEP_CUDA=OFF',
  ],
  {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    env: { ...process.env, CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()) },
  },
);
if (status !== 0) {
  process.stderr.write(`${stdout}\n${stderr}\n`);
  console.error('convsweep: the stand-in for CUDA could not be built; the words of the compiler are above.');
  process.exit(1);
}
