import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { libraryUrl, runScript } from './run-node.js';

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

  test('gives its memory back when it is disposed', async () => {
    const ended = await runScript(`
      import { resolveDevice } from ${libraryUrl('native')};
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
