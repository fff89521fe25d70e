// npm run pack:offline: one archive from which a GPU host with neither network nor Node, only CUDA, cuDNN, cuBLAS, CMake
// and a compiler, builds, tests and benchmarks this package. README-OFFLINE.md in it says how.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const LARGEST = 60 * 2 ** 20;
/** Of the repository: what building, testing and benchmarking need. */
const SOURCES = [
  'package.json',
  'LICENSE',
  'README.md',
  'CMakeLists.txt',
  'cmake',
  'native',
  'scripts',
  'docs',
  'test/native',
  'test/gpu/setup.js',
  'test/gpu/jest.config.js',
  'test/fixtures/golden',
  'bench/gpu',
];
/** To build and to test with; TensorFlow.js would not fit. */
const TOOLS = ['cmake-js', 'node-addon-api', 'jest', '@jest/globals'];
const UNNEEDED =
  /\.(map|d\.[cm]?ts|markdown|md|tsbuildinfo)$|\/(test|tests|docs|doc|example|examples|man)\//i;

const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const run = (command, args, options = {}) =>
  execFileSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    ...options,
  });

/** The folders of `names` and of all that they depend on, as the lock file places them. */
function closure(names) {
  const { packages } = read('package-lock.json');
  const found = new Set();
  const resolve = (from, name) => {
    for (
      let at = from;
      ;
      at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : ''
    ) {
      const path = `${at ? `${at}/` : ''}node_modules/${name}`;
      if (packages[path]) return path;
      if (!at) return undefined;
    }
  };
  const visit = (path) => {
    if (!path || found.has(path) || !existsSync(join(root, path))) return;
    found.add(path);
    const { dependencies, optionalDependencies } = packages[path];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) visit(resolve(path, name));
  };
  for (const name of names) visit(resolve('', name));
  return [...found];
}

function copyNode(to) {
  const node = process.execPath;
  if (statSync(node).size < 40 * 2 ** 20) {
    throw new Error(
      `${node} is linked to libraries of its own and runs on no other machine; run this with Node from https://nodejs.org`,
    );
  }
  cpSync(node, to, { dereference: true });
  run('strip', [to]);
  chmodSync(to, 0o755);
}

const { version, dependencies } = read('package.json');
const name = `convsweep-offline-${version}-${process.platform}-${process.arch}`;
const staging = mkdtempSync(join(tmpdir(), 'convsweep-pack-'));
try {
  const folder = join(staging, name);
  const copy = (path) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path), { recursive: true });
  };
  for (const path of run('git', ['ls-files', '--', ...SOURCES])
    .trim()
    .split('\n'))
    copy(path);
  // Compiled anew, without what `dist` may still have of sources that are gone.
  const typescript = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [typescript, '-p', '.', '--outDir', join(folder, 'dist'), '--declaration', 'false']);
  run(process.execPath, [join(root, 'scripts', 'make-digits.mjs')]);
  copy('dist/digits.br');
  const parity = join(folder, 'dist', 'test', 'parity');
  for (const file of readdirSync(parity)) if (file.startsWith('tfjs')) rmSync(join(parity, file));
  for (const path of closure([...Object.keys(dependencies), ...TOOLS])) {
    const base = join(root, path);
    cpSync(base, join(folder, path), {
      recursive: true,
      filter: (file) => {
        const rest = file.slice(base.length);
        // Nested packages are in the closure by themselves.
        return !rest.startsWith('/node_modules') && (/licen[sc]e/i.test(rest) || !UNNEEDED.test(rest));
      },
    });
  }
  mkdirSync(join(folder, 'bin'));
  copyNode(join(folder, 'bin', 'node'));
  const commit = run('git', ['rev-parse', 'HEAD']).trim();
  writeFileSync(join(folder, 'COMMIT'), `${commit}\n`);
  cpSync(join(root, 'scripts', 'offline', 'gpu'), join(folder, 'gpu'));
  chmodSync(join(folder, 'gpu'), 0o755);
  cpSync(join(root, 'scripts', 'offline', 'README-OFFLINE.md'), join(folder, 'README-OFFLINE.md'));

  const tar = join(staging, `${name}.tar`);
  run('tar', ['--sort=name', '--owner=0', '--group=0', '--mtime=@0', '-C', staging, '-cf', tar, name]);
  run('xz', ['-7', '--threads=0', tar]);
  const { size } = statSync(`${tar}.xz`);
  if (size > LARGEST) {
    throw new Error(
      `The archive has ${(size / 2 ** 20).toFixed(1)} MiB; expected at most ${LARGEST / 2 ** 20} MiB`,
    );
  }
  const archive = join(root, `${name}.tar.xz`);
  cpSync(`${tar}.xz`, `${archive}.part`);
  renameSync(`${archive}.part`, archive);
  console.log(`${archive}: ${(size / 2 ** 20).toFixed(1)} MiB, commit ${commit.slice(0, 12)}`);
} finally {
  rmSync(staging, { recursive: true, force: true });
}
