// Installs cuDNN and cuBLAS, NVIDIA's Python wheels of them, into .cuda/ of this package, for machines whose CUDA
// toolkit comes without: `npm run setup:cuda`, then `npm run build:native`. About 1.7 GB.
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, '.cuda');

function stop(message) {
  console.error(`convsweep: ${message}`);
  process.exit(1);
}

/** The major version of the toolkit, which the libraries must share. */
function cudaMajor() {
  const { CUDACXX, CUDA_HOME } = process.env;
  const candidates = [
    CUDACXX,
    CUDA_HOME && join(CUDA_HOME, 'bin', 'nvcc'),
    'nvcc',
    '/usr/local/cuda/bin/nvcc',
  ];
  for (const nvcc of candidates) {
    if (!nvcc) continue;
    const { stdout } = spawnSync(nvcc, ['--version'], { encoding: 'utf8' });
    const version = /release (\d+)\./.exec(stdout ?? '');
    if (version) return Number(version[1]);
  }
  stop(`there is no nvcc; install the CUDA toolkit 12.4 or newer (developer.nvidia.com/cuda-downloads), or say where it
is: CUDA_HOME=/path npm run setup:cuda`);
}

if (spawnSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' }).status !== 0) {
  stop(`pip is needed to fetch the libraries. On Debian or Ubuntu:

    sudo apt-get install -y python3-pip

then: npm run setup:cuda`);
}
const major = cudaMajor();
const packages = [
  `nvidia-cudnn-cu${major}>=9,<10`,
  major >= 13 ? `nvidia-cublas>=${major},<${major + 1}` : `nvidia-cublas-cu${major}`,
];
console.log(`Installing ${packages.join(' and ')} into ${target}`);

// Under another name until it is whole.
const partial = `${target}.partial`;
rmSync(partial, { recursive: true, force: true });
const { status } = spawnSync(
  'python3',
  ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-cache-dir', '--target', partial, ...packages],
  { stdio: 'inherit' },
);
if (status !== 0) {
  rmSync(partial, { recursive: true, force: true });
  stop('pip could not install the libraries; its words are above. Again: npm run setup:cuda');
}
rmSync(target, { recursive: true, force: true });
renameSync(partial, target);
console.log('Done. Now: npm run build:native');
