import { afterAll, describe, expect, test } from '@jest/globals';
import { smallModel, strokes } from '../gpu/samples.js';
import { device } from '../parity/device.js';
import { runScript } from '../system/run-node.js';
import { standin } from './standin.js';

const { addon } = device;

afterAll(() => expect(standin.report().violations).toEqual([]));

describe('a call that is refused for want of memory', () => {
  test('because its batch is too large leaves the network as it was', async () => {
    using model = smallModel({ seed: 4 });
    const data = strokes(8);
    const { loss } = await model.evaluate(data);
    const before = addon.memoryInUse();
    const rows = new Array<number>(2 ** 22).fill(0);
    const batchSize = rows.length;
    await expect(model.evaluate(data.subset(rows), { batchSize })).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringContaining('are too large; use smaller ones'),
    });
    expect(addon.memoryInUse()).toBeLessThanOrEqual(before);
    expect(await model.evaluate(data)).toMatchObject({ loss });
  });

  test('at any allocation gives back what it took, and the network works on', async () => {
    // In a process of its own: memory that other networks left would be used again.
    const ended = await runScript(`
      import { createRequire } from 'node:module';
      const { standin, memoryInUse } = createRequire(import.meta.url)(process.env.CONVSWEEP_CUDA_ADDON);
      const images = Uint8Array.from({ length: 3 * 784 }, (_, i) => (i * 37) % 251);
      const build = () => convsweep.notebookModel([8, 8, 8], { seed: 5, device: 'cuda' });
      const train = async (model) => (await model.trainOnBatch(images, [0, 1, 2])).loss;
      const outcomes = [];
      let refused = true;
      for (let count = 1; refused; count++) {
        const model = build();
        const before = memoryInUse();
        standin.configure('oom=' + count);
        refused = await train(model).then(() => false, (error) => error.code === 'OUT_OF_MEMORY');
        standin.configure('');
        if (refused) outcomes.push({ kept: memoryInUse() > before, loss: await train(model) });
        model.dispose();
      }
      const { violations } = standin.report();
      const undisturbed = build();
      console.log(JSON.stringify({ outcomes, violations, loss: await train(undisturbed) }));`);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { outcomes, violations, loss } = JSON.parse(ended.stdout);
    expect(violations).toEqual([]);
    // Images, labels, their order, values, gradients, cuDNN's workspace.
    expect(outcomes.length).toBeGreaterThan(4);
    for (const outcome of outcomes) expect(outcome).toEqual({ kept: false, loss });
  });
});
