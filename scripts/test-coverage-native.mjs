// npm run test:coverage:native: prints which share of the CPU engine its native tests run, on all instruction sets of this
// machine together, by clang's own measure. Needs clang and LLVM's tools of the same version.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cmakeBuild, mustRun, root, works } from './cmake.mjs';

/** The endings of the names of clang's versions. */
const SUFFIXES = ['', ...Array.from({ length: 9 }, (_, i) => `-${22 - i}`)];
const TOOLS = ['clang++', 'llvm-profdata', 'llvm-cov'];

const suffix = SUFFIXES.find((ending) => TOOLS.every((tool) => works(`${tool}${ending}`)));
if (suffix === undefined) {
  console.error(
    `convsweep: ${TOOLS.join(', ')} of one version are needed; on Debian or Ubuntu: sudo apt-get install -y clang llvm libclang-rt-dev`,
  );
  process.exit(1);
}
const [compiler, profdata, cov] = TOOLS.map((tool) => `${tool}${suffix}`);

const folder = join(root, 'build', 'coverage-native');
const profiles = join(folder, 'profiles');
const flags = '-DCMAKE_CXX_FLAGS=-fprofile-instr-generate -fcoverage-mapping';
const targets = ['native_tests', 'executor_tests'];
for (const args of cmakeBuild(folder, compiler, targets, '-DCONVSWEEP_TESTS=ON', flags))
  mustRun('cmake', args);

rmSync(profiles, { recursive: true, force: true });
mkdirSync(profiles);
mustRun('ctest', ['--test-dir', folder, '--output-on-failure', '--tests-regex', 'native|executor'], {
  LLVM_PROFILE_FILE: join(profiles, '%p.profraw'),
});
const merged = join(folder, 'merged.profdata');
mustRun(profdata, ['merge', '-o', merged, ...readdirSync(profiles).map((name) => join(profiles, name))]);
const programs = [join(folder, 'native_tests'), '-object', join(folder, 'executor_tests')];
mustRun(cov, [
  'report',
  ...programs,
  `-instr-profile=${merged}`,
  '-show-region-summary=false',
  join(root, 'native'),
]);
