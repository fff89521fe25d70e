// A worker that measures slices of this package; see protocol.ts. Arguments: the networks, as JSON.

import { createInterface } from 'node:readline';
import { epochPlan } from '../../lib/data/epoch-plan.js';
import { trainerOf } from '../../lib/model/model.js';
import { resolveDevice } from '../../lib/native/devices.js';
import type { SliceRequest } from '../protocol.js';
import { BATCH_SIZE, build, IMAGES, SEED } from './job.js';
import { imagesOf, type Network } from './networks.js';

const networks = JSON.parse(process.argv[2]!) as Network[];

async function prepare(network: Network) {
  const data = await imagesOf(network.inputShape, IMAGES);
  const model = build(network);
  const plan = epochPlan(data, { batchSize: BATCH_SIZE, shuffle: 'none', seed: SEED, epoch: 0 });
  return {
    training: () => trainerOf(model).trainEpoch(data, plan),
    inference: () => trainerOf(model).evaluate(data, BATCH_SIZE),
  };
}

const prepared = new Map(networks.map((network) => [network.name, prepare(network)]));

async function slice({ network, mode, seconds }: SliceRequest): Promise<{ imagesPerSecond: number }> {
  const run = (await prepared.get(network)!)[mode];
  await run();
  const begin = performance.now();
  let images = 0;
  let elapsed = 0;
  while (elapsed < seconds) {
    await run();
    images += IMAGES;
    elapsed = (performance.now() - begin) / 1e3;
  }
  return { imagesPerSecond: images / elapsed };
}

const say = (message: object): void => console.log(JSON.stringify(message));
say({ ready: true, version: `convsweep ${resolveDevice('cpu').addon.buildInfo().version}` });
for await (const line of createInterface({ input: process.stdin })) say(await slice(JSON.parse(line)));
