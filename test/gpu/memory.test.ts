import { describe, expect, test } from '@jest/globals';
import { deviceName } from '../parity/device.js';
import { libraryUrl, runScript } from '../system/run-node.js';

/*
 * In processes of their own: what the collector has left of other tests would count.
 */
const prelude = `
  import { resolveDevice } from ${libraryUrl('native/devices')};
  const { addon, index } = resolveDevice('${deviceName}');
  const pixels = Uint8Array.from({ length: 40 * 784 }, (_, i) => (i * 37) % 251);
  const labels = Array.from({ length: 40 }, (_, i) => i % 10);
  const train = async () => {
    const model = convsweep.notebookModel([8, 8, 8], { device: '${deviceName}' });
    const { loss } = await model.trainOnBatch(pixels, labels);
    const during = addon.memoryInUse();
    model.dispose();
    return { loss, during };
  };
  // Keeps the device in use, and with it what it keeps for the next network.
  const idle = convsweep.notebookModel([8, 8, 8], { device: '${deviceName}' });
  await train();
  const before = addon.memoryInUse();`;

describe('memory', () => {
  test('is back to its start after disposal', async () => {
    const ended = await runScript(`${prelude}
      const during = [];
      for (let i = 0; i < 10; i++) during.push((await train()).during);
      console.log(new Set(during).size, during[0] > before, addon.memoryInUse() - before);
      idle.dispose();
      console.log(addon.memoryInUse());`);
    expect(ended).toMatchObject({ code: 0, stdout: '1 true 0\n0\n', stderr: '' });
  });

  test('that is too little is an error that says how much was needed and free, and nothing is lost', async () => {
    // Parameters, gradients and Adam's two moments: 16 bytes for each of 795 x units parameters. The stand-in's memory
    // can be made small, a card's cannot.
    const ended = await runScript(`${prelude}
      addon.standin?.configure('memory=1024');
      const units = addon.standin ? 10_000 : 200_000;
      const layer = (inputShape, outputShape) =>
        ({ type: 'Dense', inputShape, outputShape, activation: 'linear', useBias: true });
      const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
      const layers = [layer([784], [units]), layer([units], [10])];
      const networks = [];
      let failure;
      while (!failure) {
        try {
          networks.push(new addon.Network({ layers, adam, device: index, seed: 0, precision: 'fp32', threads: 1 }));
        } catch (error) {
          failure = error;
        }
      }
      console.log(failure.code, networks.length > 2, failure.message);
      const { loss } = await train().catch((error) => ({ loss: error.code }));
      for (const network of networks) network.dispose();
      const again = await train();
      console.log(Number.isFinite(again.loss), loss === again.loss || loss);
      idle.dispose();
      console.log(addon.memoryInUse());`);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const [error, result, left] = ended.stdout.split('\n');
    expect(error).toMatch(
      /^OUT_OF_MEMORY true .*\d+\.\d [MG]iB are needed .* \d+\.\d [MG]iB of \d+\.\d [MG]iB are free/,
    );
    expect(['true true', 'true OUT_OF_MEMORY']).toContain(result);
    expect(left).toBe('0');
  });
});
