import { describe, expect, test } from '@jest/globals';
import { libraryUrl, runScript } from './run-node.js';

/** More calls than threads, on networks that report how many steps they have done. */
const queueOfCalls = `
  import { resolveDevice } from ${libraryUrl('native/devices')};
  const { addon, concurrency } = resolveDevice('cpu');
  const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
  const layers = [
    { type: 'Dense', inputShape: [1], outputShape: [2], activation: 'softmax', useBias: true }];
  const network = () =>
    new addon.Network({ layers, adam, device: 0, seed: 0, precision: 'fp32', threads: concurrency });
  const data = new addon.Dataset(
    { images: Uint8Array.of(7), labels: Uint8Array.of(1), count: 1, imageSize: 1, device: 0 });
  const train = (on, steps) => on.trainEpoch(data, new Uint32Array(steps), new Uint32Array(steps).fill(1));
  const steps = (of) => of.readState().iterations;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const running = Array.from({ length: concurrency }, network);
  const waiting = Array.from({ length: 3000 }, network);
  const calls = [...running.map((one) => train(one, 2 ** 22)), ...waiting.map((one) => train(one, 1))];
  while (running.some((one) => one.progress().images === 0)) await turn();
`;

describe('an exit that the process survives', () => {
  test('ends the calls that run, and none that waits takes the place of one', async () => {
    const ended = await runScript(`${queueOfCalls}
      process.emit('exit', 0);
      const codes = (await Promise.allSettled(calls)).map(({ reason }) => reason?.code ?? 'fulfilled');
      // Node's own listener has taken the exit for one with an open await.
      process.exitCode = 0;
      console.log([...new Set(codes)].join(), waiting.filter((one) => steps(one) > 0).length);`);
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'ABORTED 0\n', stderr: '' });
  });

  test('refuses calls while it lasts, and those alone, each time', async () => {
    const ended = await runScript(`${queueOfCalls}
      for (let i = 0; i < 2; i++) {
        process.emit('exit', 0);
        const free = network();
        const during = await Promise.resolve().then(() => train(free, 1)).catch((error) => error.message);
        await Promise.allSettled(calls);
        await turn();
        console.log(during, Number.isFinite((await train(free, 3)).loss), steps(free));
      }
      process.exitCode = 0;`);
    const line = 'The process is exiting true 3\n';
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: line + line, stderr: '' });
  });
});
