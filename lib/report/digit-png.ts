import { createRequire } from 'node:module';
import type { Dataset } from '../data/dataset.js';

const require = createRequire(import.meta.url);

/**
 * An image of a data set as PNG, grey or in colour, each pixel a square of `scale` pixels.
 * @param position in `dataset`
 * @param scale default 10: a 28 x 28 digit becomes 280 x 280
 * @throws ConvsweepError `INVALID_ARGUMENT` for a position outside the data set
 */
export function digitPng(dataset: Dataset, position: number, scale = 10): Uint8Array {
  // Loaded when it is needed: most who import this package draw no image.
  const { PNG } = require('pngjs') as typeof import('pngjs');
  const image = dataset.image(position);
  const [height, width, channels] = dataset.imageShape;
  const png = new PNG({ width: width * scale, height: height * scale });
  for (let y = 0; y < png.height; y++) {
    for (let x = 0; x < png.width; x++) {
      const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels;
      png.data.set(toRgb(image.subarray(from, from + channels)), (y * png.width + x) * 4);
      png.data[(y * png.width + x) * 4 + 3] = 255;
    }
  }
  return PNG.sync.write(png, { colorType: channels === 3 ? 2 : 0 });
}

/** Three channels are red, green and blue; any other number is averaged, as `renderDigit` does. */
function toRgb(pixel: Uint8Array): ArrayLike<number> {
  if (pixel.length === 3) return pixel;
  const mean = pixel.reduce((sum, value) => sum + value, 0) / pixel.length;
  return [mean, mean, mean];
}
