/** The chunks of a PNG file (ISO 15948, 5 and 11). What is thrown says what is wrong with the file. */
import { crc32 } from '../crc32.js';

/** How many samples a pixel of each colour type has. */
const SAMPLES = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as const;
/** How many bits a sample may have. */
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] } as const;

/** Grey, colour, palette, grey with opacity, colour with opacity. */
type ColorType = keyof typeof SAMPLES;

/** What a PNG file holds. */
export interface PngFile {
  width: number;
  height: number;
  colorType: ColorType;
  /** Bits a sample. */
  depth: number;
  /** Samples a pixel. */
  samples: number;
  isInterlaced: boolean;
  /** Three bytes a color. */
  palette: Buffer | undefined;
  /** The palette's opacities, or the one transparent colour. */
  transparency: Buffer | undefined;
  /** The compressed image data, in pieces. */
  data: Buffer[];
}

const SIGNATURE_SIZE = 8;

/** All chunks of `bytes`, each checked against its checksum. */
export function readChunks(bytes: Buffer): PngFile {
  let file: PngFile | undefined;
  for (let at = SIGNATURE_SIZE; ; ) {
    if (at + 12 > bytes.length) throw new Error('it ends too early');
    const length = bytes.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > bytes.length) throw new Error('it ends too early');
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, end - 4);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4))
      throw new Error(`the checksum of ${JSON.stringify(type)} differs`);
    if (!file) {
      if (type !== 'IHDR') throw new Error('it does not begin with its size');
      file = readHeader(body);
    } else if (type === 'IDAT') file.data.push(body);
    else if (type === 'PLTE') file.palette = body;
    else if (type === 'tRNS') file.transparency = body;
    else if (type === 'IEND') return complete(file);
    else if (isCritical(type)) throw new Error(`what ${JSON.stringify(type)} means is not known`);
    at = end;
  }
}

function readHeader(body: Buffer): PngFile {
  if (body.length !== 13) throw new Error('its size is of another form');
  const colorType = body[9] as ColorType;
  const depth = body[8]!;
  const [compression, filter, interlace] = body.subarray(10);
  const depths: readonly number[] | undefined = DEPTHS[colorType];
  if (!depths?.includes(depth)) throw new Error(`there is no color type ${colorType} of ${depth} bits`);
  if (compression !== 0 || filter !== 0 || interlace! > 1)
    throw new Error('it is compressed in an unknown way');
  return {
    width: body.readUInt32BE(0),
    height: body.readUInt32BE(4),
    colorType,
    depth,
    samples: SAMPLES[colorType],
    isInterlaced: interlace === 1,
    palette: undefined,
    transparency: undefined,
    data: [],
  };
}

function complete(file: PngFile): PngFile {
  const { colorType, palette, transparency } = file;
  if (file.width === 0 || file.height === 0) throw new Error('it has no pixels');
  if (colorType === 3 && (!palette?.length || palette.length % 3 !== 0 || palette.length > 3 * 256))
    throw new Error('its palette is missing or of a wrong length');
  const expected = { 0: 2, 2: 6 }[colorType as 0 | 2];
  if (expected !== undefined && transparency && transparency.length !== expected)
    throw new Error('its transparent color is of another form');
  return file;
}

/** A chunk without which the picture cannot be shown; the first letter is a capital. */
function isCritical(type: string): boolean {
  return (type.charCodeAt(0) & 0x20) === 0;
}
