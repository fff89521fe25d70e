// Builds the native addons and ends with a table of what was built, or why not and the command that would change that.
// `npm run build:native` and `node-gyp rebuild` (through binding.gyp) in the repository, `npx convsweep build` where the
// package is installed and `./gpu build` in the offline archive all come here.
//   --if-missing   build only what is missing or older than its sources
// The CUDA addon is built where it can be; whatever stands in its way is reported and leaves the CPU addon alone.
//   CONVSWEEP_CUDA=OFF             do not try
//   CUDA_HOME, CUDNN_PATH          where the toolkit and cuDNN are, if not in the usual places
//   CONVSWEEP_WERROR=ON            take warnings for errors; after `npm run clean`, or it has no effect
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cmakeBuild, isOffline, isPublished, root } from './cmake.mjs';

const require = createRequire(import.meta.url);
const buildFolder = join(root, 'build');
const addon = (backend) => join(buildFolder, 'Release', `convsweep_${backend}.node`);
const command = isPublished() ? 'npx convsweep build' : isOffline() ? './gpu build' : 'npm run build:native';
const again = isPublished() ? command : `${isOffline() ? 'rm -rf build' : 'npm run clean'} && ${command}`;
const env = { ...process.env, CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()) };

/** The time of the newest file that the addons are made of. */
function newestSource() {
  const files = ['native', 'cmake']
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return Math.max(...[...files, join(root, 'CMakeLists.txt')].map((file) => statSync(file).mtimeMs));
}

/** Whether the last build is of these sources. A CUDA addon that could not be built then is not tried again. */
function upToDate() {
  const newest = newestSource();
  const isNew = (file) => statSync(file).mtimeMs >= newest;
  return (
    existsSync(addon('cpu')) && isNew(addon('cpu')) && (!existsSync(addon('cuda')) || isNew(addon('cuda')))
  );
}

/** Stops with what is missing and how to get it, before CMake fails with something longer. */
function requireTools() {
  const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  const missing = [];
  if (!works('cmake')) missing.push('cmake');
  if (![process.env.CXX, 'c++', 'g++', 'clang++'].some((compiler) => compiler && works(compiler)))
    missing.push('g++');
  if (!works('ninja') && !works('make')) missing.push('make');
  if (missing.length === 0) return;
  console.error(`convsweep: the native addon needs ${missing.join(', ')}. On Debian or Ubuntu:

    sudo apt-get install -y ${missing.join(' ')}

then: ${command}`);
  process.exit(1);
}

function run(command, ...args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26, env });
  return { failed: result.status !== 0, output: `${result.stdout}\n${result.stderr}` };
}

/** In the repository through cmake-js, which is a development dependency. */
function compileCpu() {
  if (!isPublished()) {
    const cmakeJs = join(require.resolve('cmake-js/package.json'), '..', 'bin', 'cmake-js');
    return run(process.execPath, cmakeJs, 'compile', '--target', 'convsweep_cpu');
  }
  rmSync(buildFolder, { recursive: true, force: true });
  const folder = `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(buildFolder, 'Release')}`;
  const [configure, build] = cmakeBuild(buildFolder, undefined, ['convsweep_cpu'], folder);
  const configured = run('cmake', ...configure);
  return configured.failed ? configured : run('cmake', ...build);
}

function buildCpu() {
  const { failed, output } = compileCpu();
  if (!failed) return;
  process.stderr.write(`${output}\n`);
  console.error(`convsweep: the CPU addon could not be built; the compiler's words are above.
A clean attempt: ${again}`);
  process.exit(1);
}

/**
 * Through cmake itself: cmake-js answers a failure with a second attempt in an emptied folder, and the CPU addon would
 * be gone.
 * @returns why there is no CUDA addon, or how its kernels use the registers if they were compiled now
 */
function buildCuda() {
  const wanted = process.env.CONVSWEEP_CUDA ?? 'AUTO';
  const configured = run('cmake', '-S', root, '-B', buildFolder, `-DCONVSWEEP_CUDA=${wanted}`);
  if (configured.failed) return { reason: failure('CMake', configured.output) };
  const { missing } = JSON.parse(readFileSync(join(buildFolder, 'cuda.json'), 'utf8'));
  if (missing) return { reason: missing };
  const built = run('cmake', '--build', buildFolder, '--config', 'Release', '--target', 'convsweep_cuda');
  if (built.failed) return { reason: failure('the compiler', built.output) };
  return { kernels: registerUse(built.output) };
}

function failure(whose, output) {
  process.stderr.write(`${output}\n`);
  return `it could not be built, the words of ${whose} are above; a clean attempt: ${again}`;
}

/** What `-Xptxas -v` says of all kernels for all architectures: values that had to go to memory are slow. */
function registerUse(output) {
  const uses = [
    ...output.matchAll(/(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/g),
  ];
  if (uses.length === 0) return undefined;
  const largest = (column) => Math.max(...uses.map((use) => Number(use[column])));
  const [stack, stores, loads] = [1, 2, 3].map(largest);
  if (stack + stores + loads === 0) return 'no kernel spills registers or uses the stack';
  return `kernels use up to ${stack} bytes of stack, ${stores} of spill stores, ${loads} of spill loads`;
}

/** The addon's own words, from a process of its own: an addon that crashes on loading must not take this one along. */
function words(backend) {
  const script = `const a = require(${JSON.stringify(addon(backend))});
    let devices, reason;
    try { devices = a.devices().map((d) => d.description) } catch (error) { reason = error.message }
    console.log(JSON.stringify({ ...a.buildInfo(), devices, reason }))`;
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  if (child.status === 0) return JSON.parse(child.stdout);
  console.error(`convsweep: the ${backend} addon was built but does not load:\n${child.stderr}`);
  return undefined;
}

function cudaLines({ reason, kernels }) {
  if (reason) return [['not built', reason]];
  const cuda = words('cuda');
  if (!cuda) return [['broken', 'it does not load; the reason is above']];
  const libraries = Object.entries(cuda.libraries).map(([name, version]) => `${name} ${version}`);
  const lines = [['built', [cuda.compiler, ...libraries, ...(kernels ? [kernels] : [])].join('; ')]];
  return [...lines, cuda.devices ? ['devices', cuda.devices.join('; ')] : ['unusable', cuda.reason]];
}

function report(cudaResult) {
  const cpu = words('cpu');
  if (!cpu) process.exit(1);
  const rows = [
    ['cpu', 'built', `${cpu.compiler}; ${cpu.instructionSets.join(', ')} (using ${cpu.instructionSet})`],
    ...cudaLines(cudaResult).map((line, i) => [i === 0 ? 'cuda' : '', ...line]),
  ];
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  console.log(`convsweep ${version}`);
  for (const [backend, state, text] of rows)
    console.log(`  ${backend.padEnd(5)} ${state.padEnd(10)} ${text}`);
}

const quick = process.argv.includes('--if-missing');
if (quick && upToDate()) process.exit(0);
requireTools();
buildCpu();
const cuda = buildCuda();
// An older one would be loaded in place of the one that could not be built.
if (cuda.reason) rmSync(addon('cuda'), { force: true });
report(cuda);
