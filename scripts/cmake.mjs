// What the scripts share that build with CMake itself instead of cmake-js.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
/** The headers that a published package brings along; the repository takes them from development dependencies. */
export const shippedHeaders = join(root, 'dist', 'include');
const HEADERS = ['node-addon-api', 'node-api-headers'];

/** Whether this is an installed package, not the repository. */
export function isPublished() {
  return existsSync(shippedHeaders);
}

/** Whether this is the archive that `npm run pack:offline` makes. CMakeLists.txt and lib/addon-file.ts ask the same. */
export function isOffline() {
  return existsSync(join(root, 'README-OFFLINE.md'));
}

/** The folders of the packages of headers. */
export function headerPackages() {
  return HEADERS.map((name) =>
    isPublished() ? join(shippedHeaders, name) : dirname(require.resolve(`${name}/package.json`)),
  );
}

/** What cmake-js would pass. */
function includeFolders() {
  const [addonApi, nodeApi] = headerPackages();
  return [addonApi, join(nodeApi, 'include')];
}

/** The file that lists the functions of Node-API. */
export function nodeApiDefinitions() {
  return require('node-api-headers').def_paths.node_api_def;
}

/**
 * The arguments with which cmake configures a folder for a compiler, or the system's, without CUDA, and builds targets
 * there.
 */
export function cmakeBuild(folder, compiler, targets, ...definitions) {
  const given = [
    ...(compiler ? [`-DCMAKE_CXX_COMPILER=${compiler}`] : []),
    `-DCMAKE_JS_INC=${includeFolders().join(';')}`,
    ...definitions,
  ];
  return [
    ['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DCONVSWEEP_CUDA=OFF', ...given],
    ['--build', folder, '--parallel', String(availableParallelism()), '--target', ...targets],
  ];
}

/** A build with AddressSanitizer and UBSan, which the tests share: compiling the kernels with them takes minutes. */
export const sanitized = {
  folder: join(root, 'build', 'native-tests'),
  definitions: ['-DCONVSWEEP_CUDA=AUTO', '-DCONVSWEEP_TESTS=ON', '-DCONVSWEEP_SANITIZE=address,undefined'],
};

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

/** Whether a command is there. */
export function works(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Runs a command that shows what it does, and ends this process if it fails. */
export function mustRun(command, args, env = {}) {
  const options = { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } };
  const { status, signal, error } = spawnSync(command, args, options);
  if (status === 0) return;
  const remedy =
    error?.code === 'ENOENT' ? '; on Debian or Ubuntu: sudo apt-get install -y cmake g++ make' : '';
  console.error(`convsweep: ${command}: ${error?.message ?? `ended with ${signal ?? status}`}${remedy}`);
  process.exit(status ?? 1);
}
