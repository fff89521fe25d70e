import { Resvg } from '@resvg/resvg-js';
import { PNG } from 'pngjs';

/** What tests look at in a picture. */
export interface ParsedSvg {
  width: number;
  height: number;
  /** The contents of its text elements. */
  texts: string[];
  /** How many elements have this attribute text, such as `fill="#0072B2"`. */
  count: (attribute: string) => number;
}

/** Reads an SVG with a real parser, which throws for what is not well-formed. */
export function parseSvg(svg: string): ParsedSvg {
  const { width, height } = new Resvg(svg, { font: { loadSystemFonts: false } });
  const texts = [...svg.matchAll(/<(text|tspan)\b[^>]*>([^<]+)</g)].map((match) => match[2]!);
  return { width, height, texts, count: (attribute) => svg.split(attribute).length - 1 };
}

/** The share of a PNG's pixels that are not white. */
export function inkShare(png: Uint8Array): number {
  const { data } = PNG.sync.read(Buffer.from(png));
  let ink = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i]! + data[i + 1]! + data[i + 2]! < 765) ink++;
  return ink / (data.length / 4);
}
