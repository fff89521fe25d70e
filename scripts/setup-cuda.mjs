// Installs cuDNN and cuBLAS, NVIDIA's Python wheels of them, into the user's cache folder, for machines that have them
// nowhere: `npx convsweep setup-cuda`, or `npm run setup:cuda` in the repository. About 1.7 GB. An argument, 12 or 13,
// says for which CUDA; else it is the toolkit's version, or where there is none what the driver supports.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

function stop(message) {
  console.error(`convsweep: ${message}`);
  process.exit(1);
}

function toolkitMajor() {
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
  return undefined;
}

/** The newest CUDA that the driver runs, of those that there are addons for. */
function driverMajor() {
  const { stdout } = spawnSync('nvidia-smi', [], { encoding: 'utf8' });
  const version = /CUDA Version: (\d+)\./.exec(stdout ?? '');
  return version ? Math.min(Number(version[1]), 13) : undefined;
}

const given = process.argv[2];
if (given !== undefined && !['12', '13'].includes(given)) {
  stop(`Expected CUDA 12 or 13 but received ${JSON.stringify(given)}`);
}
const major = given ? Number(given) : (toolkitMajor() ?? driverMajor());
if (major === undefined) {
  stop(`there is neither nvcc nor an NVIDIA driver that would say which CUDA it is for; name it:

    npx convsweep setup-cuda --cuda 13`);
}
if (spawnSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' }).status !== 0) {
  stop(`pip is needed to fetch the libraries. On Debian or Ubuntu:

    sudo apt-get install -y python3-pip

then: npx convsweep setup-cuda`);
}
const packages = [
  `nvidia-cudnn-cu${major}>=9,<10`,
  major >= 13 ? `nvidia-cublas>=${major},<${major + 1}` : `nvidia-cublas-cu${major}`,
];
// Where cmake/cuda.cmake and native/cuda/libraries.cc look.
const target = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'convsweep', `cuda${major}`);
console.log(`Installing ${packages.join(' and ')} into ${target}`);

// Under another name until it is whole.
const partial = `${target}.partial`;
rmSync(partial, { recursive: true, force: true });
mkdirSync(dirname(target), { recursive: true });
const { status } = spawnSync(
  'python3',
  ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-cache-dir', '--target', partial, ...packages],
  { stdio: 'inherit' },
);
if (status !== 0) {
  rmSync(partial, { recursive: true, force: true });
  stop('pip could not install the libraries; its words are above. Again: npx convsweep setup-cuda');
}
rmSync(target, { recursive: true, force: true });
renameSync(partial, target);
console.log('Done. An addon that is built already finds them: npx convsweep inspect');
