// npm run prebuild [PLATFORM ...]: the CPU addon for each platform that this machine can build for, or for those named,
// into prebuilds/, which the published package holds. One compiler makes all of a platform's releases: it is part of
// what a sweep's results depend on.
//   --test   also builds the native tests, and runs them, those for other machines in an emulator
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cmakeBuild, nodeApiDefinitions, root, run, works } from './cmake.mjs';
import { sysroot } from './sysroot.mjs';
import { muslSysroot } from './sysroot-musl.mjs';

const STATIC = '-static-libstdc++ -static-libgcc';
/** What a library in the addon brings along stays in the addon. */
const HIDDEN = '-Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,-s';

/** With clang, against the libraries of another system. */
function linux(triple, arch, { sysroot: system, flags, linkerFlags, emulator, needs = {} }) {
  return {
    testNeeds: Object.fromEntries(qemu(arch, triple).map((command) => [command, 'qemu-user'])),
    needs: { 'clang++-19': 'clang-19', 'ld.lld-19': 'lld-19', 'dpkg-deb': 'dpkg', ...needs },
    compiler: 'clang++-19',
    settings: async () => [
      '-DCMAKE_SYSTEM_NAME=Linux',
      `-DCMAKE_SYSTEM_PROCESSOR=${triple.split('-')[0]}`,
      `-DCMAKE_CXX_COMPILER_TARGET=${triple}`,
      `-DCMAKE_SYSROOT=${await system()}`,
      `-DCMAKE_CXX_FLAGS=${flags}`,
      `-DCMAKE_MODULE_LINKER_FLAGS=-fuse-ld=lld ${linkerFlags} ${HIDDEN}`,
      `-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld ${linkerFlags}`,
    ],
    emulator: async () => emulator(await system()),
  };
}

const qemu = (arch, triple) => (process.arch === arch ? [] : [`qemu-${triple.split('-')[0]}`]);

/** Debian 11. */
const glibc = (debian, arch, processor) =>
  linux(`${processor}-linux-gnu`, arch, {
    sysroot: () => sysroot(debian),
    flags: `-include ${join(root, 'cmake', 'old_glibc.h')}`,
    linkerFlags: STATIC,
    emulator: (folder) => qemu(arch, processor).flatMap((command) => [command, '-L', folder]),
  });

/** Debian's musl, which has no C++ library but the one that is made here. */
const musl = (debian, arch, processor) =>
  linux(`${processor}-linux-musl`, arch, {
    needs: { python3: 'python3', xz: 'xz-utils' },
    sysroot: () => muslSysroot(debian, `${processor}-linux-musl`),
    flags: '-stdlib=libc++',
    linkerFlags: '-static-libstdc++ --rtlib=libgcc --unwindlib=none',
    // musl is its own loader, which this machine need not have.
    emulator: (folder) => [...qemu(arch, processor), join(folder, 'usr', 'lib', 'libc.so')],
  });

/** With the compiler of a machine of that platform. */
function own(platform, arch, isHere, linkerFlags) {
  return {
    needs: {},
    unless: isHere() && process.arch === arch ? undefined : `this is no ${platform} on ${arch}`,
    compiler: process.env.CXX ?? 'c++',
    settings: async () => [`-DCMAKE_MODULE_LINKER_FLAGS=${linkerFlags}`],
    emulator: () => [],
  };
}

const macOs = (arch) => own('macOS', arch, () => process.platform === 'darwin', '-undefined dynamic_lookup');

const PLATFORMS = {
  'linux-x64': glibc('amd64', 'x64', 'x86_64'),
  'linux-arm64': glibc('arm64', 'arm64', 'aarch64'),
  'linuxmusl-x64': musl('amd64', 'x64', 'x86_64'),
  'linuxmusl-arm64': musl('arm64', 'arm64', 'aarch64'),
  'darwin-x64': macOs('x64'),
  'darwin-arm64': macOs('arm64'),
  'win32-x64': {
    needs: { 'x86_64-w64-mingw32-g++-posix': 'g++-mingw-w64-x86-64-posix' },
    compiler: 'x86_64-w64-mingw32-g++-posix',
    async settings(folder) {
      // The addon takes Node-API from the program that loads it.
      const library = join(folder, 'libnode.a');
      mkdirSync(folder, { recursive: true });
      const made = run('x86_64-w64-mingw32-dlltool', [
        ...['--dllname', 'node.exe', '--input-def', nodeApiDefinitions(), '--output-lib', library],
      ]);
      if (!made.passed) throw new Error(made.output);
      return [
        '-DCMAKE_SYSTEM_NAME=Windows',
        '-DCMAKE_SYSTEM_PROCESSOR=AMD64',
        `-DCMAKE_JS_LIB=${library}`,
        // GCC does not align the stack for vectors of 32 bytes there (its bug 54412).
        '-DCMAKE_CXX_FLAGS=-Wa,-muse-unaligned-vector-move',
        `-DCMAKE_MODULE_LINKER_FLAGS=-static ${HIDDEN}`,
        '-DCMAKE_EXE_LINKER_FLAGS=-static',
      ];
    },
    emulator: () =>
      process.platform === 'win32' ? [] : [works('wine64') ? 'wine64' : '/usr/lib/wine/wine64'],
  },
};

/** Why this machine cannot build for a platform, or test what it has built. */
function obstacle({ needs, testNeeds = {}, unless }, isTested) {
  const all = isTested ? { ...needs, ...testNeeds } : needs;
  const missing = Object.entries(all).filter(([command]) => !works(command));
  if (missing.length === 0) return unless;
  return `${missing.map(([command]) => command).join(', ')} missing; on Debian or Ubuntu: sudo apt-get install -y ${missing.map(([, name]) => name).join(' ')}`;
}

async function build(name, { compiler, settings, emulator }, isTested) {
  const folder = join(root, 'build', 'prebuilds', name);
  const targets = isTested ? ['convsweep_cpu', 'native_tests', 'executor_tests'] : ['convsweep_cpu'];
  const definitions = [...(await settings(folder)), `-DCONVSWEEP_TESTS=${isTested ? 'ON' : 'OFF'}`];
  for (const args of cmakeBuild(folder, compiler, targets, ...definitions)) {
    const { passed, output } = run('cmake', args, { maxBuffer: 2 ** 26 });
    if (!passed) throw new Error(output);
  }
  if (isTested) {
    const suffix = name.startsWith('win32') ? '.exe' : '';
    const [command, ...args] = [...(await emulator()), join(folder, `native_tests${suffix}`)];
    const { passed, output } = run(command, args, { maxBuffer: 2 ** 26 });
    if (!passed) throw new Error(output);
  }
  const target = join(root, 'prebuilds', name);
  mkdirSync(target, { recursive: true });
  copyFileSync(
    [folder, join(folder, 'Release')].map((place) => join(place, 'convsweep_cpu.node')).find(existsSync),
    join(target, 'convsweep_cpu.node'),
  );
}

const isTested = process.argv.includes('--test');
const named = process.argv.slice(2).filter((argument) => argument !== '--test');
const unknown = named.filter((name) => !(name in PLATFORMS));
if (unknown.length > 0) {
  console.error(
    `Expected platforms of ${Object.keys(PLATFORMS).join(', ')} but received ${unknown.join(', ')}`,
  );
  process.exit(2);
}
for (const [name, platform] of Object.entries(PLATFORMS)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const reason = obstacle(platform, isTested);
  if (reason) {
    console.log(`${name.padEnd(15)} not built: ${reason}`);
    // What was asked for by name must be there.
    if (named.length > 0) process.exitCode = 1;
    continue;
  }
  try {
    await build(name, platform, isTested);
    console.log(`${name.padEnd(15)} built${isTested ? ', its native tests pass' : ''}`);
  } catch (error) {
    console.error(`${name.padEnd(15)} FAILED\n${error.message}`);
    process.exitCode = 1;
  }
}
