// Builds the native addons and ends with a table of what was built, or why not and the command that would change that.
// `npm run build:native`, the install script and `node-gyp rebuild` (through binding.gyp) all come here.
//   --if-missing   build only what is missing or older than its sources
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const target = join(root, 'build', 'Release', 'convsweep_cpu.node');

/** The time of the newest file that the addons are made of. */
function newestSource() {
  const files = readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return Math.max(...[...files, join(root, 'CMakeLists.txt')].map((file) => statSync(file).mtimeMs));
}

function upToDate() {
  return existsSync(target) && statSync(target).mtimeMs >= newestSource();
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

then: npm run build:native`);
  process.exit(1);
}

function build() {
  requireTools();
  const cmakeJs = join(require.resolve('cmake-js/package.json'), '..', 'bin', 'cmake-js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cmakeJs, 'compile', '--target', 'convsweep_cpu'],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      env: { ...process.env, CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()) },
    },
  );
  if (status === 0) return;
  process.stderr.write(`${stdout}\n${stderr}\n`);
  console.error(`convsweep: the CPU addon could not be built; the compiler's words are above.
A clean attempt: npm run clean && npm run build:native`);
  process.exit(1);
}

/** The addon's own words, from a process of its own: an addon that crashes on loading must not take this one along. */
function report() {
  const script = `const a = require(${JSON.stringify(target)}); console.log(JSON.stringify({ ...a.buildInfo(), devices: a.devices() }))`;
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  if (child.status !== 0) {
    console.error(`convsweep: the CPU addon was built but does not load:\n${child.stderr}`);
    process.exit(1);
  }
  const cpu = JSON.parse(child.stdout);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  console.log(`convsweep ${version}
  cpu   built      ${cpu.compiler}; ${cpu.instructionSets.join(', ')} (using ${cpu.instructionSet})
  cuda  not built  this release has no CUDA backend; training runs on the CPU`);
}

const quick = process.argv.includes('--if-missing');
if (quick && upToDate()) process.exit(0);
build();
report();
