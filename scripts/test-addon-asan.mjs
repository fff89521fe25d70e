// Builds the CPU addon with AddressSanitizer and UBSan in a folder of its own and makes every wrong call that
// test/faults/boundary.ts knows. Node itself is built without them, so their runtime is loaded before it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build', 'asan');
const require = createRequire(import.meta.url);
const compiler = process.env.CXX ?? 'g++';
const headers = [
  dirname(require.resolve('node-addon-api/package.json')),
  require('node-api-headers').include_dir,
].join(';');

function run(command, args, env = {}) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error) console.error(`${command}: ${error.message}`);
  if (status !== 0) {
    console.error(`convsweep: ${command} ended with ${signal ?? status}`);
    process.exit(1);
  }
}

run(process.execPath, [join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc'), '-p', root]);
run('cmake', [
  ...['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', `-DCMAKE_CXX_COMPILER=${compiler}`],
  ...['-DCONVSWEEP_CUDA=OFF', `-DCMAKE_JS_INC=${headers}`, '-DCONVSWEEP_SANITIZE=address,undefined'],
]);
run('cmake', [
  ...['--build', folder, '--target', 'convsweep_cpu', '--parallel', String(availableParallelism())],
]);
const runtime = (name) => execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
run(
  process.execPath,
  [join(root, 'dist', 'test', 'faults', 'boundary.js'), join(folder, 'convsweep_cpu.node')],
  {
    LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')} ${runtime('libstdc++.so.6')}`,
    // Node leaves its heap to the system at its end; what a wrong call asks for may be more than there is.
    ASAN_OPTIONS: 'detect_leaks=0,allocator_may_return_null=1,handle_abort=1',
    UBSAN_OPTIONS: 'print_stacktrace=1,halt_on_error=1',
  },
);
