import { afterAll, describe, expect, test } from '@jest/globals';
import { smallModel, strokes } from '../gpu/samples.js';
import { device } from '../parity/device.js';
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
    const images = new Uint8Array(3 * 12 * 12).map((_, i) => (i * 37) % 251);
    const train = (model: ReturnType<typeof smallModel>) => model.trainOnBatch(images, [0, 1, 2]);
    using undisturbed = smallModel({ seed: 5 });
    const { loss } = await train(undisturbed);
    const codes: string[] = [];
    for (let allocation = 1; codes.at(-1) !== 'none'; allocation++) {
      using model = smallModel({ seed: 5 });
      const before = addon.memoryInUse();
      standin.configure(`oom=${allocation}`);
      const first = await train(model).then(
        () => 'none',
        (error) => error.code,
      );
      standin.configure('oom=0');
      codes.push(first);
      if (first === 'none') break;
      // Less where lanes that were kept for later networks went, too.
      expect(addon.memoryInUse()).toBeLessThanOrEqual(before);
      expect(await train(model)).toMatchObject({ loss });
    }
    expect(codes.length).toBeGreaterThan(4);
    expect(new Set(codes.slice(0, -1))).toEqual(new Set(['OUT_OF_MEMORY']));
  });
});
