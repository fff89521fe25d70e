import { Dataset } from '../../lib/data/dataset.js';
import { loadDigits } from '../../lib/data/digits.js';
import { loadIdx } from '../../lib/data/idx-folder.js';
import { Random } from '../../lib/random.js';

/** MNIST from a folder of its files, or `count` images made of the embedded digits by shifts of up to two pixels. */
export async function benchImages(folder: string | undefined, count = 70_000): Promise<Dataset> {
  if (folder !== undefined) return (await loadIdx(folder)).all;
  const { store } = await loadDigits();
  const { width, height } = store;
  const size = width * height;
  const random = new Random(0, 'bench images');
  const images = new Uint8Array(count * size);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const from = i % store.count;
    const first = i < store.count;
    const [dy, dx] = first ? [0, 0] : [random.below(5) - 2, random.below(5) - 2];
    labels[i] = store.labels[from]!;
    for (let y = Math.max(0, dy); y < Math.min(height, height + dy); y++) {
      for (let x = Math.max(0, dx); x < Math.min(width, width + dx); x++) {
        images[i * size + y * width + x] = store.images[from * size + (y - dy) * width + x - dx]!;
      }
    }
  }
  return Dataset.from({ images, labels, height, width, classes: 10, name: 'digits and their shifts' });
}
