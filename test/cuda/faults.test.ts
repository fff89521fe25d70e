import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCli, runScript } from '../system/run-node.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'convsweep-faults-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A process in which the stand-in's devices are as `words` say: test/native/standin/device.h. */
const having = (words: string) => ({
  env: { CONVSWEEP_STANDIN: `${process.env.CONVSWEEP_STANDIN},${words}` },
});

/** Four trials of a fraction of a second; `options` and `after` are source text. */
const sweepScript = (out: string, options = '', after = '') => `
  const digits = await convsweep.loadDigits();
  const rows = (first, end) => Array.from({ length: end - first }, (_, i) => 97 * (first + i));
  const splits = [{ name: '80%', train: digits.subset(rows(0, 40)), validation: digits.subset(rows(40, 50)) }];
  const run = convsweep.sweep({
    out: ${JSON.stringify(join(folder, out))}, splits, epochs: 2, startFromEpoch: 0, batchSize: 16, device: 'cuda',
    grid: { neuron_counts: [[8, 8, 8], [8, 8, 9], [8, 9, 8], [9, 8, 8]] }, precision: 'fp32', ${options}
  });
  const notices = [];
  let failure;
  try {
    for await (const event of run) if (event.type === 'notice') notices.push(event.message);
  } catch (error) {
    failure = error;
  }
  ${after || "if (failure) throw failure; console.log(notices.join('\\n'));"}`;

function results(out: string): Record<string, string> {
  const path = join(folder, out);
  const models = readdirSync(join(path, 'models')).map((name) => join('models', name));
  return Object.fromEntries(
    ['models.csv', 'model.h5', ...models].map((name) => [name, readFileSync(join(path, name), 'base64')]),
  );
}

describe('no device', () => {
  test.each([
    { words: 'driver=none', reason: /the NVIDIA driver is missing .*; then: nvidia-smi/ },
    {
      words: 'driver=old',
      reason: /the NVIDIA driver is too old: it supports CUDA 11\.4, this build needs CUDA 13\.0; /,
    },
    { words: 'devices=0', reason: /the NVIDIA driver sees no GPU/ },
  ])('with $words says why, and what to do', async ({ words, reason }) => {
    const inspected = await runCli(['inspect'], having(words));
    expect(inspected.code).toBe(0);
    expect(inspected.stdout).toMatch(reason);
    const asked = await runCli(
      ['train', '--device', 'cuda', '--out', join(folder, 'none.h5')],
      having(words),
    );
    expect(asked.code).not.toBe(0);
    expect(asked.stderr).toMatch(reason);
  });

  test('that is new enough says what it takes', async () => {
    const inspected = await runCli(['inspect'], having('capability=61'));
    expect(inspected.stdout).toMatch(
      /the GPU is too old: compute capability 7\.5 or newer is needed, .* has 6\.1; for 6\.0 to 7\.2 build with CUDA 12/,
    );
  });

  test('of that number names those there are', async () => {
    const ended = await runScript(
      `try { convsweep.notebookModel([8, 8, 8], { device: 'cuda:2' }); } catch (error) { console.log(error.code, error.message); }`,
    );
    expect(ended.stdout).toMatch(/^DEVICE_UNAVAILABLE .*cuda:0, cuda:1/);
  });
});

describe('a device without TF32', () => {
  test('computes in fp32, and refuses TF32', async () => {
    const ended = await runScript(
      `const model = convsweep.notebookModel([8, 8, 8], { device: 'cuda' });
       console.log(model.precision);
       model.dispose();
       try {
         convsweep.notebookModel([8, 8, 8], { device: 'cuda', precision: 'tf32' });
       } catch (error) { console.log(error.code, error.message); }`,
      having('capability=75'),
    );
    expect(ended.stdout).toMatch(/^fp32\nINVALID_ARGUMENT .*\(all that cuda:0 computes in\)/);
  });
});

describe('too little memory', () => {
  test('lowers the trials at a time, says so, and changes no result', async () => {
    const plenty = await runScript(sweepScript('plenty', 'jobs: 4'));
    expect(plenty).toMatchObject({ code: 0, stdout: '\n', stderr: '' });
    // A network with its libraries takes about 40 MiB.
    const scarce = await runScript(sweepScript('scarce', 'jobs: 4'), having('memory=120'));
    expect(scarce).toMatchObject({ code: 0, stderr: '' });
    expect(scarce.stdout).toMatch(/memory/);
    expect(results('scarce')).toEqual(results('plenty'));
  });

  test('for a single trial ends the sweep', async () => {
    const ended = await runScript(
      sweepScript('none', 'jobs: 2', 'console.log(failure.code, failure.message);'),
      having('memory=33'),
    );
    expect(ended.stdout).toMatch(/^OUT_OF_MEMORY .*are needed for .* are free/);
  });

  test('at any allocation leaves nothing behind', async () => {
    const ended = await runScript(
      `import { createRequire } from 'node:module';
       const { standin } = createRequire(import.meta.url)(process.env.CONVSWEEP_CUDA_ADDON);
       const train = async () => {
         const model = convsweep.notebookModel([8, 8, 8], { device: 'cuda' });
         try {
           await model.trainOnBatch(new Uint8Array(3 * 784), [0, 1, 2]);
         } finally {
           model.dispose();
         }
         return 'none';
       };
       const outcomes = [];
       do {
         standin.configure('oom=' + (outcomes.length + 1));
         const code = await train().catch((error) => error.code);
         const { alive, violations } = standin.report();
         const left = Object.entries(alive).filter(([, count]) => count > 0);
         outcomes.push({ code, left, violations });
       } while (outcomes.at(-1).code === 'OUT_OF_MEMORY');
       console.log(JSON.stringify(outcomes));`,
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const outcomes: object[] = JSON.parse(ended.stdout);
    const last = outcomes.pop();
    expect(last).toEqual({ code: 'none', left: [], violations: [] });
    // Images, labels, their order, cuBLAS, the state, values, gradients, cuDNN's workspace.
    expect(outcomes.length).toBeGreaterThan(6);
    for (const outcome of outcomes) {
      expect(outcome).toEqual({ code: 'OUT_OF_MEMORY', left: [], violations: [] });
    }
  });
});

describe('a device that is lost', () => {
  test('ends the sweep with the trial and the error, keeps what is finished, and a new process resumes', async () => {
    const after = 'console.log(failure.code, failure.message);';
    const lost = await runScript(sweepScript('lost', 'jobs: 1', after), having('sticky=1000'));
    expect(lost.code).toBe(0);
    expect(lost.stdout).toMatch(/^NATIVE .*trial \d.* failed: .*cudaErrorIllegalAddress/i);
    const finished = Number(/(\d) of 4 trials are finished/.exec(lost.stdout)?.[1]);
    expect(finished).toBeGreaterThan(0);
    expect(finished).toBeLessThan(4);
    const resumed = await runScript(sweepScript('lost', 'jobs: 2, resume: true'));
    expect(resumed).toMatchObject({ code: 0, stderr: '' });
    expect(results('lost')).toEqual(results('plenty'));
  });
});

describe('several devices', () => {
  test('share the trials and change no result', async () => {
    const ended = await runScript(
      sweepScript('all', 'jobs: 4').replace("device: 'cuda'", "device: 'cuda:all'"),
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(results('all')).toEqual(results('plenty'));
  });
});

describe('the memory of a device', () => {
  test('is never touched by the host', async () => {
    const ended = await runScript(
      `const model = convsweep.notebookModel([8, 8, 8], { device: 'cuda' });
       const digits = (await convsweep.loadDigits()).subset(Array.from({ length: 20 }, (_, i) => 101 * i));
       await model.fit(digits, { epochs: 2, batchSize: 8, verbose: 0 });
       await model.evaluate(digits);
       await model.predict(digits);
       model.getWeights();
       model.dispose();
       console.log('done');`,
      having('guard=on'),
    );
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
  });
});
