import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../lib/package.js';
import { libraryUrl, runNode, runScript } from './run-node.js';

const onLinux = process.platform === 'linux' ? test : test.skip;

/** A script of test/faults in a short form. */
const runFault = (name: string, ...args: number[]) =>
  runNode([join(packageRoot(), 'dist', 'test', 'faults', `${name}.js`), ...args.map(String)]);

/** Seconds of training, unless something stops it. */
const longTraining = `
const digits = await convsweep.loadDigits();
const model = convsweep.notebookModel([60, 60, 60], { device: 'cpu' });
const training = model.fit(digits, { epochs: 1000, batchSize: 128, verbose: 0, ...options });
`;

describe('the process', () => {
  test('ends by itself after a call, with a live model left behind', async () => {
    const ended = await runScript(`
      const model = convsweep.notebookModel([8, 8, 8], { device: 'cpu' });
      await model.trainOnBatch(new Uint8Array(2 * 784), [0, 1]);
      console.log('done');`);
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
  });

  test('exits at once, without a crash, while an epoch runs', async () => {
    const ended = await runScript(`
      const options = {};
      ${longTraining}
      setTimeout(() => process.exit(7), 200);`);
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '' });
  });

  test('exits at once while a worker trains, and while calls wait for their turn', async () => {
    const worker = `
      import * as convsweep from ${libraryUrl('index')};
      import { parentPort } from 'node:worker_threads';
      const options = {};
      ${longTraining}
      for (let i = 0; i < 20; i++) convsweep.notebookModel([60, 60, 60], { device: 'cpu' }).evaluate(digits);
      parentPort.postMessage('training');`;
    const ended = await runScript(`
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)})));
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      const options = {};
      ${longTraining}
      for (let i = 0; i < 20; i++) convsweep.notebookModel([60, 60, 60], { device: 'cpu' }).evaluate(digits);
      setTimeout(() => process.exit(7), 100);`);
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '' });
  });

  test('refuses calls that are made while it exits', async () => {
    const ended = await runScript(`
      const model = convsweep.notebookModel([8, 8, 8], { device: 'cpu' });
      await model.trainOnBatch(new Uint8Array(2 * 784), [0, 1]);
      const data = convsweep.Dataset.from({
        images: new Uint8Array(784), labels: new Uint8Array(1), height: 28, width: 28 });
      process.on('exit', () => void model.evaluate(data).catch(() => undefined));
      setTimeout(() => process.exit(7), 1);`);
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '' });
  });

  test('ends worker threads in the middle of their epochs, many times', async () => {
    const ended = await runFault('workers', 4, 5);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ended.stdout).toMatch(/^20 workers ended and left 0 bytes/);
  });

  test('trains in a worker after the last one that trained is gone', async () => {
    const worker = `
      import * as convsweep from ${libraryUrl('index')};
      import { parentPort } from 'node:worker_threads';
      const model = convsweep.notebookModel([8, 8, 8], { device: 'cpu' });
      await model.trainOnBatch(new Uint8Array(2 * 784), [0, 1]);
      parentPort.postMessage('trained');`;
    const ended = await runNode([
      '--input-type=module',
      '-e',
      `import { Worker } from 'node:worker_threads';
      const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)}));
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(url);
        worker.once('message', console.log);
        await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
      }`,
    ]);
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'trained\n'.repeat(3), stderr: '' });
  });

  onLinux('counts the cores that it may use, not those that there are', async () => {
    const first = /Cpus_allowed_list:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
    const script = `import * as convsweep from ${libraryUrl('index')};
      console.log(convsweep.devices().find(({ name }) => name === 'cpu').concurrency);`;
    const args = ['-c', first, process.execPath, '--input-type=module', '-e', script];
    expect(execFileSync('taskset', args, { encoding: 'utf8' })).toBe('1\n');
  });

  // Root is not held to the limit on processes.
  (onLinux === test && process.getuid!() === 0 ? test : test.skip)(
    'says so where no thread can be started, and is not busy then',
    async () => {
      const ended = await runScript(`
        import { execFileSync } from 'node:child_process';
        const model = convsweep.notebookModel([8, 8, 8], { device: 'cpu' });
        execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1']);
        process.setuid(65534);
        const train = () => model.trainOnBatch(new Uint8Array(2 * 784), [0, 1]);
        for (let i = 0; i < 2; i++) {
          const error = await train().catch((error) => error);
          console.log(error.code, error.message);
        }
        model.dispose();`);
      expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(ended.stdout).toMatch(/^(NATIVE No thread can be started .* ulimit -u\n){2}$/);
    },
  );

  test('ends a worker thread in the middle of an epoch', async () => {
    const worker = `
      import * as convsweep from ${libraryUrl('index')};
      import { parentPort } from 'node:worker_threads';
      const options = {};
      ${longTraining}
      parentPort.postMessage('training');`;
    const ended = await runScript(`
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)})));
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await worker.terminate();
      const model = convsweep.notebookModel([8, 8, 8], { device: 'cpu' });
      await model.trainOnBatch(new Uint8Array(2 * 784), [0, 1]);
      console.log('done');`);
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
  });

  test('trains in four worker threads at once, each to the same numbers', async () => {
    const worker = `
      import * as convsweep from ${libraryUrl('index')};
      import { parentPort } from 'node:worker_threads';
      const model = convsweep.notebookModel([8, 8, 8], { seed: 3, device: 'cpu' });
      const images = Uint8Array.from({ length: 4 * 784 }, (_, i) => (i * 37) % 251);
      parentPort.postMessage((await model.trainOnBatch(images, [0, 1, 2, 3])).loss);`;
    const ended = await runScript(`
      import { Worker } from 'node:worker_threads';
      const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)}));
      const losses = await Promise.all([1, 2, 3, 4].map(() => new Promise((resolve, reject) =>
        new Worker(url).once('message', resolve).once('error', reject))));
      console.log(new Set(losses).size, Number.isFinite(losses[0]));`);
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: '1 true\n', stderr: '' });
  });
});

describe('the event loop', () => {
  test('stays free while an epoch runs, and the abort signal stops it', async () => {
    const ended = await runScript(`
      const controller = new AbortController();
      const options = { signal: controller.signal };
      ${longTraining}
      let ticks = 0;
      const timer = setInterval(() => { if (++ticks === 10) controller.abort(new Error('enough')); }, 5);
      const error = await training.catch((error) => error);
      clearInterval(timer);
      console.log(ticks >= 10, error.code, error.cause.message);
      console.log((await model.evaluate(digits.subset([0, 1, 2]))).loss > 0);
      model.dispose();`);
    expect(ended).toMatchObject({ code: 0, stdout: 'true ABORTED enough\ntrue\n', stderr: '' });
  });
});

describe('a sweep', () => {
  test('whose iteration is left has stopped then, and nobody has to care about its result', async () => {
    const out = await mkdtemp(join(tmpdir(), 'lifecycle-'));
    const ended = await runScript(`
      import { readdir } from 'node:fs/promises';
      const out = ${JSON.stringify(out)};
      const splits = [{ name: 'half', ...convsweep.holdout(await convsweep.loadDigits(), { percent: 50, seed: 1 }) }];
      for await (const { type } of convsweep.sweep({ out, splits, device: 'cpu' })) if (type === 'start') break;
      console.log((await readdir(out)).join());`);
    await rm(out, { recursive: true });
    expect(ended).toMatchObject({ code: 0, stdout: 'config.json,journal.jsonl,models\n', stderr: '' });
  });
});

describe('a model', () => {
  test('refuses a second call while one runs, and disposal, and any call after disposal', async () => {
    const ended = await runScript(`
      const controller = new AbortController();
      const options = { signal: controller.signal };
      ${longTraining}
      await new Promise((resolve) => setTimeout(resolve, 50));
      const codes = [];
      await model.evaluate(digits).catch((error) => codes.push(error.code));
      try { model.dispose(); } catch (error) { codes.push(error.code); }
      controller.abort();
      await training.catch((error) => codes.push(error.code));
      model.dispose();
      model.dispose();
      await model.predict(digits).catch((error) => codes.push(error.code));
      console.log(codes.join(' '));`);
    expect(ended).toMatchObject({ code: 0, stdout: 'STATE STATE ABORTED STATE\n', stderr: '' });
  });

  test('gives its memory back when nobody holds it any more', async () => {
    const ended = await runFault('abandoned', 200);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  test('leaves nothing behind in two hundred cycles', async () => {
    const ended = await runFault('cycles', 200);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ended.stdout).toMatch(/^200 cycles: 0 bytes more by the addon's count/);
  });

  test('counts in memory(), which speaks of backends in use only', async () => {
    const ended = await runScript(`
      const before = convsweep.memory();
      const model = convsweep.notebookModel([60, 60, 60], { device: 'cpu' });
      const { cpu, ...others } = convsweep.memory();
      model.dispose();
      console.log(JSON.stringify([before, cpu > 2 ** 20, others, convsweep.memory()]));`);
    expect(ended).toMatchObject({ code: 0, stdout: '[{},true,{},{"cpu":0}]\n', stderr: '' });
  });

  test('gives its memory back when it is disposed', async () => {
    const ended = await runScript(`
      import { resolveDevice } from ${libraryUrl('native/devices')};
      const { addon } = resolveDevice('cpu');
      const images = new Uint8Array(4 * 784);
      const use = async () => {
        const model = convsweep.notebookModel([60, 60, 60], { device: 'cpu' });
        await model.trainOnBatch(images, [0, 1, 2, 3]);
        const during = addon.memoryInUse();
        model.dispose();
        return during;
      };
      const before = addon.memoryInUse();
      const during = [];
      for (let i = 0; i < 20; i++) during.push(await use());
      console.log(before === addon.memoryInUse(), during.every((bytes) => bytes === during[0] && bytes > before));`);
    expect(ended).toMatchObject({ code: 0, stdout: 'true true\n', stderr: '' });
  });
});
