import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';
import { runNode } from '../system/run-node.js';

const musl = process.platform === 'linux' && hasNoGlibc() ? 'musl' : '';
const target = `${process.platform}${musl}-${process.arch}`;

function hasNoGlibc(): boolean {
  return !('glibcVersionRuntime' in (process.report.getReport() as unknown as { header: object }).header);
}

describe('an installed package', () => {
  let folder: string;
  const put = (...path: string[]) => {
    const file = join(folder, ...path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    return file;
  };
  /** What a fresh process finds for a backend. */
  const found = async (backend: string) => {
    const script = `
      import { addonFile, buildCommand } from './dist/lib/addon-file.js';
      console.log(JSON.stringify([addonFile('${backend}'), buildCommand()]));`;
    const { stdout } = await runNode(['--input-type=module', '-e', script], { cwd: folder });
    return JSON.parse(stdout) as [string | null, string];
  };

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'convsweep-installed-')));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const module of ['addon-file', 'package']) {
      const file = join('dist', 'lib', `${module}.js`);
      cpSync(join(packageRoot(), file), join(folder, file));
    }
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('without addons knows how to build them there', async () => {
    expect(await found('cpu')).toEqual([null, 'npx convsweep build']);
    expect(await found('cuda')).toEqual([null, 'npx convsweep build']);
  });

  test('as the archive for hosts without a network names its own command', async () => {
    put('README-OFFLINE.md');
    expect(await found('cuda')).toEqual([null, './gpu build']);
  });

  test('takes the prebuilt addon of its platform', async () => {
    put('prebuilds', 'sunos-sparc', 'convsweep_cpu.node');
    expect((await found('cpu'))[0]).toBeNull();
    const prebuilt = put('prebuilds', target, 'convsweep_cpu.node');
    expect((await found('cpu'))[0]).toBe(prebuilt);
  });

  test('prefers one that was built there', async () => {
    put('prebuilds', target, 'convsweep_cpu.node');
    const built = put('build', 'Release', 'convsweep_cpu.node');
    expect((await found('cpu'))[0]).toBe(built);
  });

  test('takes CUDA from a package of its own, the newest', async () => {
    const cuda = (major: number) =>
      put('node_modules', '@convsweep', `cuda${major}-${target}`, 'convsweep_cuda.node');
    const older = cuda(12);
    expect((await found('cuda'))[0]).toBe(older);
    const newer = cuda(13);
    expect((await found('cuda'))[0]).toBe(newer);
    expect((await found('cpu'))[0]).toBeNull();
  });
});
