/**
 * The one seeded generator of the package: splits, orders of batches and initial weights come from it, so every
 * backend starts from identical state. xoshiro128** (Blackman and Vigna, 2018) seeded by splitmix32 over the seed and
 * a path of stream names, so that e.g. the order of epoch 3 does not depend on how many numbers epoch 2 drew.
 */
export class Random {
  readonly #state: Uint32Array;

  /** @param seed any safe integer; @param stream names or numbers that select an independent stream of that seed */
  constructor(seed: number, ...stream: (string | number)[]) {
    let hash = mix(Math.trunc(seed) >>> 0, Math.floor(seed / 2 ** 32) >>> 0);
    for (const part of stream) {
      if (typeof part === 'number') hash = mix(mix(hash, 0x6e756d62), part >>> 0);
      else for (let i = 0; i < part.length; i++) hash = mix(hash, part.charCodeAt(i) + 1);
    }
    this.#state = new Uint32Array(4);
    for (let i = 0; i < 4; i++) {
      hash = (hash + 0x9e3779b9) | 0;
      this.#state[i] = finalise(hash);
    }
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** A uniform integer in [0, 2^32). */
  uint32(): number {
    const s = this.#state;
    const s1 = s[1]!;
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = s1 << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** A uniform integer in [0, bound), without modulo bias. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** A uniform number in [0, 1) with 24 bits, exact in float32. */
  uniform(): number {
    return (this.uint32() >>> 8) / 2 ** 24;
  }

  /** A uniform permutation of 0..length-1 (Fisher and Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = order[i]!;
      order[i] = order[j]!;
      order[j] = kept;
    }
    return order;
  }
}

/** A seed for a member of a family (trial 7 of a sweep) that shares no stream with its siblings. */
export function deriveSeed(seed: number, ...stream: (string | number)[]): number {
  return new Random(seed, 'derive', ...stream).uint32();
}

function finalise(value: number): number {
  let z = value;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

function mix(hash: number, value: number): number {
  return finalise((Math.imul(hash ^ 0x9e3779b9, 0x85ebca6b) + value + 0x7f4a7c15) | 0);
}
