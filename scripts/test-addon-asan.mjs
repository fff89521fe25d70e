// Builds the CPU addon with AddressSanitizer and UBSan and makes every wrong call that test/faults/boundary.ts knows.
// Node itself is built without them, so their runtime is loaded before it.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cmakeBuild, mustRun, root, sanitized } from './cmake.mjs';

const { folder, definitions } = sanitized;
const require = createRequire(import.meta.url);
const compiler = process.env.CXX ?? 'c++';

mustRun(process.execPath, [
  join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc'),
  ...['-p', root],
]);
for (const args of cmakeBuild(folder, undefined, ['convsweep_cpu'], ...definitions)) mustRun('cmake', args);
const runtime = (name) => execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
mustRun(
  process.execPath,
  [join(root, 'dist', 'test', 'faults', 'boundary.js'), join(folder, 'convsweep_cpu.node')],
  {
    LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')} ${runtime('libstdc++.so.6')}`,
    // Node leaves its heap to the system at its end; what a wrong call asks for may be more than there is.
    ASAN_OPTIONS: 'detect_leaks=0,allocator_may_return_null=1,handle_abort=1',
    UBSAN_OPTIONS: 'print_stacktrace=1,halt_on_error=1',
  },
);
