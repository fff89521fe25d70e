import { Model } from '../../lib/model/model.js';
import { Arrays } from '../arrays.js';
import { imagesOf, layersOf, type Network } from './networks.js';

export const BATCH_SIZE = 128;
/** In a data set that is trained on over and over. */
export const IMAGES = 10 * BATCH_SIZE;
export const SEED = 1;

export function build(network: Network): Model {
  return new Model(layersOf(network), { inputShape: network.inputShape, seed: SEED, device: 'cpu' });
}

/** Writes the networks with all options of their layers, their initial weights and the images. */
export async function writeJob(folder: string, networks: readonly Network[]): Promise<void> {
  const arrays = new Arrays();
  const described = [];
  for (const network of networks) {
    using model = build(network);
    const shape = network.inputShape.join('x');
    const images = await imagesOf(network.inputShape, IMAGES);
    const pixels = Array.from(images.rows, (_, position) => images.image(position));
    arrays.add(`images/${shape}`, [IMAGES, ...network.inputShape], Buffer.concat(pixels));
    arrays.add('labels', [IMAGES], images.labels());
    const weights = model.getWeights().map(({ name, shape, data }) => {
      arrays.add(`${network.name}/${name}`, shape, data);
      return `${network.name}/${name}`;
    });
    described.push({ ...network, layers: model.layers, images: `images/${shape}`, weights });
  }
  await arrays.write(folder, { batchSize: BATCH_SIZE, networks: described });
}
