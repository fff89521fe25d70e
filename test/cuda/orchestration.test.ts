import { afterAll, describe, expect, test } from '@jest/globals';
import { bits, quiet, smallModel, strokes } from '../gpu/samples.js';
import { libraryUrl, runScript } from '../system/run-node.js';
import { counts, standin } from './standin.js';

const epoch = { ...quiet, epochs: 1 };

afterAll(() => expect(standin.report().violations).toEqual([]));

describe('an epoch', () => {
  test('records each kind of step once and replays it from then on', async () => {
    using model = smallModel({ seed: 1 });
    // 6 batches of 16 and one of 4.
    const data = strokes(100);
    // The first of each size runs as it is, the second of 16 is recorded.
    expect(await counts(() => model.fit(data, epoch))).toMatchObject({ captures: 1, replays: 5 });
    expect(await counts(() => model.fit(data, epoch))).toMatchObject({ captures: 1, replays: 7 });
    expect(await counts(() => model.fit(data, epoch))).toMatchObject({ captures: 0, replays: 7 });
    // Other kinds of step: inference.
    expect(await counts(() => model.evaluate(data, { batchSize: 16 }))).toMatchObject({
      captures: 1,
      replays: 5,
    });
    expect(await counts(() => model.fit(data, epoch))).toMatchObject({ captures: 0, replays: 7 });
  });

  test('waits for the device as often however long it is, and allocates nothing once it is warm', async () => {
    using model = smallModel({ seed: 2 });
    const [short, long] = [strokes(32), strokes(640)];
    await model.fit(long, epoch);
    const of = async (data: typeof short) => (await counts(() => model.fit(data, epoch))).waits;
    await of(short);
    expect(await of(long)).toBe(await of(short));
    expect(await counts(() => model.fit(long, epoch))).toMatchObject({ allocations: 0, captures: 0 });
  });
});

describe('many networks at once', () => {
  /** Steps of networks of many kinds, while others are made and disposed of; `words` as in standin/device.h. */
  const crowd = (words: string) =>
    runScript(`
      import { createRequire } from 'node:module';
      const { standin } = createRequire(import.meta.url)(process.env.CONVSWEEP_CUDA_ADDON);
      standin.configure(${JSON.stringify(words)});
      const pixels = new Uint8Array(24 * 784).map((_, i) => (i * 37) % 251);
      const labels = Array.from({ length: 24 }, (_, i) => i % 10);
      const train = async (seed) => {
        const model = convsweep.notebookModel([8, 8, 8], { seed, device: 'cuda', precision: 'fp32' });
        try {
          const losses = [];
          for (let n = 1; n <= 4; n++)
            for (let i = 0; i < 3; i++)
              losses.push((await model.trainOnBatch(pixels.subarray(0, n * 784), labels.slice(0, n))).loss);
          return losses;
        } finally {
          model.dispose();
        }
      };
      const outcomes = [];
      for (let round = 0; round < 2; round++) {
        const settled = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(train));
        outcomes.push(...settled.map(({ value, reason }) => value ?? reason.code));
      }
      const { broken, captures, violations } = standin.report();
      console.log(JSON.stringify({ broken, captures, violations, outcomes }));`);
  let plenty: { broken: number; captures: number; outcomes: unknown[]; violations: string[] };

  test('are recorded while others are made and disposed of, and no recording is broken', async () => {
    const ended = await crowd('linger=5');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    plenty = JSON.parse(ended.stdout);
    expect(plenty).toMatchObject({ broken: 0, captures: 2 * 6 * 4, violations: [] });
    expect(plenty.outcomes.slice(6)).toEqual(plenty.outcomes.slice(0, 6));
  });

  test('are recorded while memory runs out for some of them', async () => {
    const ended = await crowd('linger=5,memory=150');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { broken, captures, outcomes, violations } = JSON.parse(ended.stdout) as typeof plenty;
    expect({ broken, violations }).toEqual({ broken: 0, violations: [] });
    expect(captures).toBeGreaterThan(0);
    expect(outcomes).toContain('OUT_OF_MEMORY');
  });
});

describe('the engines of convolutions', () => {
  // In a process of its own, which knows none yet.
  const heuristics = (...networks: string[]) =>
    runScript(`
      import { createRequire } from 'node:module';
      const { standin } = createRequire(import.meta.url)(process.env.CONVSWEEP_CUDA_ADDON);
      const pixels = new Uint8Array(5 * 784).map((_, i) => (i * 37) % 251);
      const build = (seed, device = 'cuda:0') =>
        convsweep.notebookModel([8, 8, 8], { seed, device, precision: 'fp32' });
      const train = async (n, ...models) => {
        const labels = Array.from({ length: n }, (_, i) => i);
        await Promise.all(models.map((model) => model.trainOnBatch(pixels.subarray(0, n * 784), labels)));
        for (const model of models) model.dispose();
        console.log(standin.report().heuristics);
      };
      ${networks.join('\n')}
      console.log(JSON.stringify(standin.report().violations));`);

  test('are chosen once on a device, however many networks there are', async () => {
    const ended = await heuristics(
      'await train(4, build(1));',
      'await train(4, build(2), build(3), build(4), build(5));',
      'await train(5, build(6), build(7), build(8));',
      `await train(4, build(9, 'cuda:1'), build(10, 'cuda:1'));`,
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const [one, four, larger, elsewhere, violations] = ended.stdout.split('\n');
    expect(violations).toBe('[]');
    // The first network meets with engines that are refused when they run, and all of mode A are unfit for fp32.
    expect(Number(one)).toBeGreaterThan(2 * 5);
    expect(Number(four)).toBe(Number(one));
    expect(Number(larger)).toBe(2 * Number(one));
    expect(Number(elsewhere)).toBe(3 * Number(one));
  });
});

describe('a recording that something else breaks', () => {
  test('is made again with the next step, and the result is the same', async () => {
    const data = strokes(100);
    const run = async (words: string) => {
      standin.configure(words);
      using model = smallModel({ seed: 4 });
      const { broken, captures } = standin.report();
      await model.fit(data, epoch);
      const after = standin.report();
      return { broken: after.broken - broken, captures: after.captures - captures, state: bits(model) };
    };
    const whole = await run('');
    expect(whole).toMatchObject({ broken: 0, captures: 1 });
    expect(await run('capture=1')).toEqual({ ...whole, broken: 1 });
    standin.configure('');
  });

  test('again and again is an error that says so', async () => {
    standin.configure('capture=all');
    using model = smallModel({ seed: 5 });
    await expect(model.fit(strokes(200), epoch)).rejects.toMatchObject({
      code: 'NATIVE',
      message: expect.stringMatching(/8 recordings in a row were broken by other work of this process/),
    });
    standin.configure('');
  });
});

describe('a device', () => {
  test('has a connection for each of 32 networks, and threads that wait for it sleep', async () => {
    const connections = (env: Record<string, string>) =>
      runScript(
        `import { createRequire } from 'node:module';
         const { standin } = createRequire(import.meta.url)(process.env.CONVSWEEP_CUDA_ADDON);
         convsweep.notebookModel([8, 8, 8], { device: 'cuda' }).dispose();
         const { connections, sleeps } = standin.report();
         console.log(connections, sleeps);`,
        { env },
      );
    expect(await connections({})).toMatchObject({ stdout: '32 true\n', stderr: '' });
    expect(await connections({ CUDA_DEVICE_MAX_CONNECTIONS: '8' })).toMatchObject({ stdout: '8 true\n' });
  });

  test('takes up to 32 trials at a time, fewer where memory is short', async () => {
    const concurrency = async (words: string) => {
      const ended = await runScript(
        `import { resolveDevice } from ${libraryUrl('native/devices')};
         console.log(resolveDevice('cuda').concurrency);`,
        { env: { CONVSWEEP_STANDIN: words } },
      );
      return Number(ended.stdout);
    };
    expect(await concurrency('memory=81000')).toBe(32);
    expect(await concurrency('memory=3900')).toBe(5);
  });

  test('has at most 32 steps of a network before it', async () => {
    using model = smallModel({ seed: 6 });
    await model.fit(strokes(64), epoch);
    standin.configure('');
    await model.fit(strokes(16 * 200), epoch);
    // The copies of the totals besides.
    expect(standin.report().deepest).toBeLessThanOrEqual(2 * 32 + 4);
    expect(standin.report().deepest).toBeGreaterThan(16);
  });
});

describe('everything on the device', () => {
  test('is freed with the last network', async () => {
    const ended = await runScript(`
      import { createRequire } from 'node:module';
      const { standin } = createRequire(import.meta.url)(process.env.CONVSWEEP_CUDA_ADDON);
      const pixels = new Uint8Array(20 * 784);
      const labels = Array.from({ length: 20 }, (_, i) => i % 4);
      const models = [1, 2, 3].map((seed) => convsweep.notebookModel([8, 8, 8], { seed, device: 'cuda' }));
      for (let i = 0; i < 3; i++) await Promise.all(models.map((model) => model.trainOnBatch(pixels, labels)));
      await Promise.all(models.map((model) => model.predict(pixels)));
      const during = standin.report().alive;
      for (const model of models) model.dispose();
      const { alive, violations } = standin.report();
      const left = Object.entries(alive).filter(([, count]) => count > 0);
      console.log(JSON.stringify({ during, left, violations }));`);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { during, left, violations } = JSON.parse(ended.stdout);
    expect(during).toMatchObject({ stream: 3, 'cuDNN handle': 3, 'cuBLAS handle': 3, 'executable graph': 3 });
    expect({ left, violations }).toEqual({ left: [], violations: [] });
  });
});

describe('the work', () => {
  test('is done by cuDNN and cuBLAS', async () => {
    // In a process of its own: the stand-in reports what its process has done, other suites' networks included.
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const ended = await runScript(`
      import { smallModel, strokes } from ${url('../gpu/samples.js')};
      import { standin } from ${url('./standin.js')};
      const model = smallModel({ seed: 3 });
      await model.fit(strokes(32), ${JSON.stringify(epoch)});
      await model.predict(strokes(32));
      console.log(JSON.stringify(standin.report().kinds));
    `);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const kinds = JSON.parse(ended.stdout) as string[];
    const calls = new Set(
      kinds.map((kind) => /^cu(dnn|blas)\w*(\(.*\))?/.exec(kind)?.[0]).filter((call) => call),
    );
    expect([...calls].sort()).toEqual([
      'cublasSgemm',
      'cudnnBackendExecute(convolution backward data)',
      'cudnnBackendExecute(convolution backward filter)',
      'cudnnBackendExecute(convolution forward)',
      'cudnnBatchNormalizationBackward',
      'cudnnBatchNormalizationForwardTraining',
      'cudnnSoftmaxForward',
    ]);
  });
});
