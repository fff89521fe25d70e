// The headers and libraries of musl, with LLVM's C++ library built for it, which the addons for Alpine are linked against:
// no Debian has a C++ library for musl. Of clang's own release, so that one compiler and one library make all addons.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from './cmake.mjs';
import { download, madeOnce, sysroot, unpack } from './sysroot.mjs';

const PACKAGES = {
  'musl/musl_1.2.3-1': {
    amd64: '4fc1e3d9b579f5c682ca99a4d45aec08d72a2e6b82b4c2e1bbcb7095466ae96d',
    arm64: '6ccf2bf0f479b00411cb8e1eeb048e648718170db5d63bbb4bf4a89350b81468',
  },
  'musl/musl-dev_1.2.3-1': {
    amd64: '7c34f29a0c1aa12f6da1d25ed6de6fe6bbd9e048ee76b3dcb88c5e51fb65507f',
    arm64: '55c2ca4bc3041c8ed8ac7dc3ef6080d9551a21650568b2fd7610b59eaf98a4f4',
  },
};
const LLVM = 'l/llvm-toolchain-19/llvm-toolchain-19_19.1.7.orig.tar.xz';
const LLVM_SHA256 = 'ae498f3bc58ae2d9f64ef5f0c035c4240152bf015a5b7738b15c22e93bdc97ce';
const PARTS = ['cmake', 'libcxx', 'libcxxabi', 'libunwind', 'llvm/cmake', 'runtimes'];

function must({ passed, output }) {
  if (!passed) throw new Error(output);
}

/** One archive, libc++.a, that holds what it needs of its ABI and the unwinder. */
async function addLibcxx(folder, triple) {
  const [source, build] = ['source', 'build'].map((name) => join(folder, name));
  mkdirSync(source);
  const options = ['-xJ', '-C', source, '--strip-components=1', '--wildcards', '--no-wildcards-match-slash'];
  const { status, stderr, error } = spawnSync('tar', [...options, ...PARTS.map((part) => `*/${part}`)], {
    input: await download(LLVM, LLVM_SHA256),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`tar: ${error?.message ?? stderr}`);
  const definitions = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: triple.split('-')[0],
    CMAKE_SYSROOT: folder,
    CMAKE_INSTALL_PREFIX: join(folder, 'usr'),
    CMAKE_POSITION_INDEPENDENT_CODE: 'ON',
    // Before the library there is nothing to link programs with.
    CMAKE_TRY_COMPILE_TARGET_TYPE: 'STATIC_LIBRARY',
    LLVM_ENABLE_RUNTIMES: 'libunwind;libcxxabi;libcxx',
    LLVM_INCLUDE_TESTS: 'OFF',
    LIBCXX_INCLUDE_BENCHMARKS: 'OFF',
    LIBCXX_HAS_MUSL_LIBC: 'ON',
    LIBCXX_ENABLE_STATIC_ABI_LIBRARY: 'ON',
    LIBCXXABI_ENABLE_STATIC_UNWINDER: 'ON',
  };
  for (const language of ['C', 'CXX', 'ASM']) {
    definitions[`CMAKE_${language}_COMPILER`] = language === 'CXX' ? 'clang++-19' : 'clang-19';
    definitions[`CMAKE_${language}_COMPILER_TARGET`] = triple;
  }
  for (const library of ['LIBUNWIND', 'LIBCXXABI', 'LIBCXX']) definitions[`${library}_ENABLE_SHARED`] = 'OFF';
  const given = Object.entries(definitions).map(([name, value]) => `-D${name}=${value}`);
  const parallel = ['--parallel', String(availableParallelism())];
  must(run('cmake', ['-S', join(source, 'runtimes'), '-B', build, ...given], { maxBuffer: 2 ** 26 }));
  must(run('cmake', ['--build', build, '--target', 'install', ...parallel], { maxBuffer: 2 ** 26 }));
  for (const name of [source, build]) rmSync(name, { recursive: true });
}

/** The folder with musl for `architecture`, `amd64` or `arm64`, which is made if it is not there, in some minutes. */
export const muslSysroot = (architecture, triple) =>
  madeOnce(`musl-${architecture}`, async (folder) => {
    const glibc = await sysroot(architecture);
    const gnu = triple.replace('musl', 'gnu');
    const usr = (...path) => join(folder, 'usr', ...path);
    await unpack(PACKAGES, architecture, folder);
    // Where clang looks.
    for (const place of ['include', 'lib']) {
      cpSync(usr(place, triple), usr(place), { recursive: true });
      rmSync(usr(place, triple), { recursive: true });
    }
    renameSync(join(folder, 'lib', triple, 'libc.so'), usr('lib', 'libc.so'));
    rmSync(join(folder, 'lib'), { recursive: true });
    // Of Linux and GCC, whatever the C library.
    for (const name of ['linux', 'asm-generic', join(gnu, 'asm')])
      cpSync(join(glibc, 'usr', 'include', name), usr('include', name.replace(`${gnu}/`, '')), {
        recursive: true,
      });
    for (const name of ['libgcc.a', 'crtbegin.o', 'crtend.o', 'crtbeginS.o', 'crtendS.o'])
      cpSync(join(glibc, 'usr', 'lib', 'gcc', gnu, '10', name), usr('lib', name));
    await addLibcxx(folder, triple);
  });
