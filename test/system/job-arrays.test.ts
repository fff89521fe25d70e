import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Job } from 'kubernetes-models/batch/v1';
import { PersistentVolumeClaim } from 'kubernetes-models/v1';
import { parse } from 'yaml';
import { packageRoot } from '../../lib/package.js';
import { runCli } from './run-node.js';
import { SlurmCluster, withoutSlurm } from './slurm.js';

/** Three small trials. */
const TINY = ['--device', 'cpu', '--neurons', '8', '--epochs', '2', '--start-from-epoch', '0'];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-arrays-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The files of a sweep that are the same for every run of it, by name. */
function results(out: string): Record<string, string> {
  const models = readdirSync(join(out, 'models')).map((name) => join('models', name));
  const names = ['models.csv', 'model.h5', 'summary.txt', 'config.json', ...models];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(out, name), 'base64')]));
}

describe('a job array', () => {
  test('trains the trial of its task, from Slurm and from Kubernetes', async () => {
    const out = join(folder, 'tasks');
    expect((await runCli(['sweep', ...TINY, '--plan', '--out', out])).code).toBe(0);
    const slurm = await runCli(['trial', '--array', '--out', out, '--json'], {
      env: { SLURM_ARRAY_TASK_ID: '1' },
    });
    expect(JSON.parse(slurm.stdout).map(({ trial }: { trial: number }) => trial)).toEqual([1]);
    const kubernetes = await runCli(['trial', '--array', '2', '--out', out, '--json'], {
      env: { JOB_COMPLETION_INDEX: '1' },
    });
    expect(JSON.parse(kubernetes.stdout).map(({ trial }: { trial: number }) => trial)).toEqual([3]);
    const beyond = await runCli(['trial', '--array', '2', '--out', out], {
      env: { JOB_COMPLETION_INDEX: '2' },
    });
    expect(beyond.code).toBe(2);
    expect(beyond.stderr).toContain('beyond the 3 trials of the plan at 2 a task; submit 2 tasks');
    const outside = await runCli(['trial', '--array', '--out', out]);
    expect(outside.code).toBe(2);
    expect(outside.stderr).toContain('SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX');
    const merge = await runCli(['merge', out]);
    expect(merge.code).toBe(1);
    expect(merge.stderr).toContain(
      `1 of 3 trials are not trained yet: 2; train them: convsweep trial 2 --out ${out}`,
    );
  }, 120_000);

  test('a plan says how to go on, and refuses what it has no use for', async () => {
    const out = join(folder, 'said');
    const { stdout } = await runCli(['sweep', ...TINY, '--plan', '--out', out]);
    expect(stdout).toContain(`convsweep trial 1..3 --out ${out}`);
    expect(stdout).toContain(`convsweep merge ${out}`);
    expect((await runCli(['sweep', ...TINY, '--plan', '--resume', '--out', out])).code).toBe(2);
    expect((await runCli(['sweep', ...TINY, '--plan', '--out', out])).code).toBe(1);
    expect((await runCli(['trial', '1', '--array', '--out', out])).code).toBe(2);
    expect((await runCli(['trial', '--out', out])).code).toBe(2);
  }, 120_000);
});

const missing = withoutSlurm();
const slurmDescribe = missing && process.env.CONVSWEEP_INTEROP === undefined ? describe.skip : describe;

slurmDescribe('Slurm', () => {
  let cluster: SlurmCluster;

  beforeAll(() => {
    if (missing) throw new Error(missing);
    const home = mkdtempSync(join(tmpdir(), 'convsweep-slurm-'));
    cluster = new SlurmCluster(home, [26817, 26818]);
  });

  afterAll(() => cluster?.stop());

  test("an array's result is that of a local sweep, byte for byte", async () => {
    const local = join(folder, 'local');
    expect((await runCli(['sweep', ...TINY, '--out', local])).code).toBe(0);
    const out = join(folder, 'array');
    const submit = join(packageRoot(), 'deploy', 'slurm', 'submit.sh');
    const convsweep = `${process.execPath} ${join(packageRoot(), 'dist', 'lib', 'cli', 'main.js')}`;
    const env = { CONVSWEEP: convsweep, DEVICE: 'cpu', NODE_OPTIONS: '' };
    expect(cluster.run(submit, [out, '3', ...TINY.slice(2)], env)).toContain('(3 tasks)');
    await cluster.idle();
    expect(results(out)).toEqual(results(local));
  }, 120_000);
});

describe('the manifests for Kubernetes', () => {
  const read = (name: string) =>
    parse(readFileSync(join(packageRoot(), 'deploy', 'kubernetes', name), 'utf8'));

  test.each(['plan.yaml', 'trials.yaml', 'gpu-trials.yaml', 'merge.yaml'])(
    '%s is a Job of the schema',
    (name) => {
      const manifest = read(name);
      new Job(manifest).validate();
      expect(() =>
        new Job({ ...manifest, spec: { ...manifest.spec, completions: 'many' } }).validate(),
      ).toThrow();
    },
  );

  test('volume.yaml is a claim of the schema', () => {
    new PersistentVolumeClaim(read('volume.yaml')).validate();
  });

  test.each([
    ['trials.yaml', 1],
    ['gpu-trials.yaml', 27],
  ])('%s has pods for exactly the 81 trials', (name, size) => {
    const { spec } = read(name);
    expect(spec.completions * size).toBe(81);
    expect(spec.completionMode).toBe('Indexed');
    if (size > 1) expect(spec.template.spec.containers[0].args).toContain(String(size));
  });

  test.each(['plan.yaml', 'trials.yaml', 'gpu-trials.yaml', 'merge.yaml'])(
    '%s calls the command line with options that it has',
    async (name) => {
      const [command, ...args] = read(name).spec.template.spec.containers[0].args;
      const { stdout } = await runCli([command, '--help']);
      for (const option of args.filter((word: string) => word.startsWith('--')))
        expect(stdout).toContain(option);
    },
    60_000,
  );
});
