import type { Dataset } from './dataset.js';

/** From no ink to full ink; equal steps of brightness. */
const RAMPS = { shades: [...' ░▒▓█'], ascii: [...' .:-=+*#%@'] };

/**
 * One image for the terminal, with its label: a heading, then a line per pixel row, two characters a pixel, so that
 * pixels look square. Channels are averaged. Lines have no trailing spaces.
 * @param position in `dataset`
 * @param options `ascii`: only ASCII characters; default false, four shades of block characters
 * @throws ConvsweepError `INVALID_ARGUMENT` for a position outside the data set
 */
export function renderDigit(dataset: Dataset, position: number, options: { ascii?: boolean } = {}): string {
  const ramp = options.ascii ? RAMPS.ascii : RAMPS.shades;
  const image = dataset.image(position);
  const [height, width, channels] = dataset.imageShape;
  const label = dataset.store.labels[dataset.rows[position]!]!;
  const lines = [`${dataset.name}, image ${position}, label ${label}`];
  for (let y = 0; y < height; y++) {
    let line = '';
    for (let x = 0; x < width; x++) {
      const pixel = (y * width + x) * channels;
      const sum = image.subarray(pixel, pixel + channels).reduce((total, value) => total + value, 0);
      line += ramp[Math.floor((sum / channels / 256) * ramp.length)]!.repeat(2);
    }
    lines.push(line.trimEnd());
  }
  return lines.join('\n');
}
