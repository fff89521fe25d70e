import type { Random } from '../../lib/random.js';

type Mutation = (bytes: Buffer, random: Random) => Buffer;

/** What happens to files: bits that flip, pages that were never written, copies that stop, and what an attacker tries. */
const MUTATIONS: readonly Mutation[] = [
  function flipBits(bytes, random) {
    for (let i = random.below(16); i >= 0; i--) bytes[placeIn(bytes, random)]! ^= 1 << random.below(8);
    return bytes;
  },
  function zeroRun(bytes, random) {
    const at = placeIn(bytes, random);
    return bytes.fill(0, at, Math.min(at + 1 + random.below(64), bytes.length));
  },
  function zeroPage(bytes, random) {
    const size = 512 << random.below(4);
    const at = size * random.below(Math.ceil(bytes.length / size));
    return bytes.fill(0, at, Math.min(at + size, bytes.length));
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length));
  },
  function splice(bytes, random) {
    const [from, to] = [placeIn(bytes, random), placeIn(bytes, random)];
    bytes.copy(bytes, to, from, Math.min(from + lengthFor(bytes, random), bytes.length));
    return bytes;
  },
  function duplicate(bytes, random) {
    const at = placeIn(bytes, random);
    const end = at + lengthFor(bytes, random);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  },
  function remove(bytes, random) {
    const at = placeIn(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + lengthFor(bytes, random))]);
  },
  function editLength(bytes, random) {
    const size = [1, 2, 4, 6][random.below(4)]!;
    if (bytes.length < size) return bytes;
    const at = Math.min(placeIn(bytes, random), bytes.length - size);
    const largest = 2 ** (8 * size) - 1;
    const old = bytes.readUIntLE(at, size);
    const values = [
      0,
      1,
      largest,
      largest >> 1,
      old + 1,
      old - 1,
      2 * old,
      bytes.length,
      1 << random.below(31),
    ];
    const value = Math.min(Math.max(values[random.below(values.length)]!, 0), largest);
    if (random.below(2) === 0) bytes.writeUIntLE(value, at, size);
    else bytes.writeUIntBE(value, at, size);
    return bytes;
  },
  function noise(bytes, random) {
    const at = placeIn(bytes, random);
    for (let i = at; i < Math.min(at + 1 + random.below(32), bytes.length); i++) bytes[i] = random.below(256);
    return bytes;
  },
];

/** A damaged copy of `bytes`. */
export function mutated(bytes: Uint8Array, random: Random): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let i = random.below(3); i >= 0 && result.length > 0; i--) {
    result = MUTATIONS[random.below(MUTATIONS.length)]!(result, random);
  }
  return result;
}

const STRANGE_VALUES = [
  'null',
  '-1',
  '1e999',
  '0.5',
  '""',
  '[]',
  '{}',
  '{"toString":1}',
  'true',
  '4294967296',
  '1e-300',
];

/** A copy of a JSON text with other values, or damaged as {@link mutated}. */
export function mutatedJson(json: Uint8Array, random: Random): Buffer {
  if (random.below(3) === 0) return mutated(json, random);
  let text = Buffer.from(json).toString();
  for (let i = random.below(3); i >= 0; i--) {
    const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|\btrue\b|\bfalse\b|\bnull\b|\[|\{/g)];
    if (values.length === 0) break;
    const { 0: old, index } = values[random.below(values.length)]!;
    // An opening bracket becomes many.
    const isOpening = old === '[' || old === '{';
    const value = isOpening
      ? '['.repeat(1 + random.below(20_000))
      : STRANGE_VALUES[random.below(STRANGE_VALUES.length)]!;
    text = text.slice(0, index) + value + text.slice(index + old.length);
  }
  return Buffer.from(text);
}

/** Half of the time near the start or the end, where the structures of most files are. */
function placeIn(bytes: Buffer, random: Random): number {
  const near = Math.min(4096, bytes.length);
  const place = random.below(4);
  if (place === 0) return random.below(near);
  if (place === 1) return bytes.length - 1 - random.below(near);
  return random.below(bytes.length);
}

function lengthFor(bytes: Buffer, random: Random): number {
  return 1 + random.below(Math.min(bytes.length, 1 << random.below(14)));
}
