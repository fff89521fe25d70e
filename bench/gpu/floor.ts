/** What a card can do at most. Rates as its maker states them, without sparsity. */
interface Card {
  name: RegExp;
  fp32: number;
  tf32: number;
  /** Bytes per second. */
  bandwidth: number;
}

const CARDS: Card[] = [
  { name: /H200/, fp32: 67e12, tf32: 494e12, bandwidth: 4.8e12 },
  { name: /H100/, fp32: 67e12, tf32: 494e12, bandwidth: 3.35e12 },
  { name: /A100/, fp32: 19.5e12, tf32: 156e12, bandwidth: 1.555e12 },
  { name: /RTX 4090/, fp32: 82.6e12, tf32: 82.6e12, bandwidth: 1.008e12 },
];

/**
 * The notebook's model of mean widths: operations of a training step per image (forward, and gradients of kernels and
 * inputs), and bytes that its kernels read and write where activations go through memory once per fused block.
 */
const TRAINING = { flops: 2 * 3_110_832, bytes: 665e3 };

/** The least seconds that training on an image can take on a card, or undefined for a card that is not known. */
export function trainingFloor(card: string, precision: 'fp32' | 'tf32'): number | undefined {
  const known = CARDS.find(({ name }) => name.test(card));
  return known && Math.max(TRAINING.flops / known[precision], TRAINING.bytes / known.bandwidth);
}
