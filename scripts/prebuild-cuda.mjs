// npm run prebuild:cuda: the CUDA addon for other machines, with the toolkit and compiler of this one, into the package of
// its CUDA version, packages/cuda<version>-linux-x64. To be run on the oldest system that it shall load on.
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cmakeBuild, root, run } from './cmake.mjs';

function stop(message) {
  console.error(`convsweep: ${message}`);
  process.exit(1);
}

const folder = join(root, 'build', 'prebuilds', 'cuda');
const linking = '-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL -Wl,-s';
const [configure, build] = cmakeBuild(
  folder,
  process.env.CXX,
  ['convsweep_cuda'],
  ...['-DCONVSWEEP_CUDA=AUTO', '-DCONVSWEEP_PORTABLE=ON', `-DCMAKE_MODULE_LINKER_FLAGS=${linking}`],
);
const configured = run('cmake', configure, { maxBuffer: 2 ** 26 });
if (!configured.passed) stop(configured.output);
const { missing, compiler } = JSON.parse(readFileSync(join(folder, 'cuda.json'), 'utf8'));
if (missing) stop(missing);
const built = run('cmake', build, { maxBuffer: 2 ** 28 });
if (!built.passed) stop(built.output);
const [, major] = /nvcc (\d+)/.exec(compiler);
const target = join(root, 'packages', `cuda${major}-${process.platform}-${process.arch}`);
if (!existsSync(target)) stop(`there is no package ${target} for ${compiler}`);
copyFileSync(join(folder, 'convsweep_cuda.node'), join(target, 'convsweep_cuda.node'));
console.log(`${target}: ${compiler}`);
