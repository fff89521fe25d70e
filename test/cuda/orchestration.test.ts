import { afterAll, describe, expect, test } from '@jest/globals';
import { quiet, smallModel, strokes } from '../gpu/samples.js';
import { runScript } from '../system/run-node.js';
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
    using model = smallModel({ seed: 3 });
    await model.fit(strokes(32), epoch);
    await model.predict(strokes(32));
    const { kinds } = standin.report();
    const calls = new Set(
      kinds.map((kind) => /^cu(dnn|blas)\w*(\(.*\))?/.exec(kind)?.[0]).filter((call) => call),
    );
    expect([...calls].sort()).toEqual([
      'cublasSgemm',
      'cudnnBackendExecute(convolution backward data)',
      'cudnnBackendExecute(convolution backward filter)',
      'cudnnBackendExecute(convolution forward)',
      'cudnnBatchNormalizationBackward',
      'cudnnBatchNormalizationForwardInference',
      'cudnnBatchNormalizationForwardTraining',
      'cudnnSoftmaxForward',
    ]);
  });
});
