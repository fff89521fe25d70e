import { fontFiles } from './font.js';

/**
 * Draws an SVG of this package as PNG, with the font that comes with the package: system fonts are not looked at, so
 * that machines without any give the same picture.
 * @param scale pixels per SVG unit. Default 2
 */
export async function svgToPng(svg: string, scale = 2): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js');
  const resvg = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: {
      loadSystemFonts: false,
      fontFiles: fontFiles(),
      defaultFontFamily: 'Arimo',
      sansSerifFamily: 'Arimo',
      serifFamily: 'Arimo',
      monospaceFamily: 'Arimo',
    },
  });
  return resvg.render().asPng();
}
