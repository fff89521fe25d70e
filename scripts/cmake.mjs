// What the scripts share that build with CMake itself instead of cmake-js.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
/** What cmake-js would pass. */
const headers = [
  dirname(require.resolve('node-addon-api/package.json')),
  require('node-api-headers').include_dir,
].join(';');

/** The arguments with which cmake configures a folder for a compiler, without CUDA, and builds targets there. */
export function cmakeBuild(folder, compiler, targets, ...definitions) {
  const given = [`-DCMAKE_CXX_COMPILER=${compiler}`, `-DCMAKE_JS_INC=${headers}`, ...definitions];
  return [
    ['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DCONVSWEEP_CUDA=OFF', ...given],
    ['--build', folder, '--parallel', String(availableParallelism()), '--target', ...targets],
  ];
}

/** Runs a command in the project's folder: whether it went well, and what it said that was not shown already. */
export function run(command, args, { env = {}, ...options } = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    ...options,
  });
  const said = `${stdout ?? ''}${stderr ?? ''}`;
  const ended = error ? error.message : `ended with ${signal ?? status}`;
  return { passed: status === 0, output: status === 0 ? said : `${said}${command}: ${ended}\n` };
}
