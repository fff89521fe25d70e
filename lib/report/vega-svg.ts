import type { Config, TopLevelSpec } from 'vega-lite';
import { FONT_FAMILY } from './font.js';
import { textWidth } from './text-width.js';

/** Okabe and Ito's blue and vermilion: told apart with every kind of colour vision, and in grey. */
export const COLORS = {
  training: '#0072B2',
  validation: '#D55E00',
  ink: '#24292f',
  faint: '#6e7781',
} as const;

/**
 * Draws a Vega-Lite chart as SVG. The same chart gives the same bytes.
 * @param spec its data inside it
 */
export async function vegaSvg(spec: TopLevelSpec): Promise<string> {
  // Two large libraries, which only commands that draw need to load.
  const vega = await import('vega');
  const vegaLite = await import('vega-lite');
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
  textMetrics.width = (item, text) => textWidth(`${text}`, item.fontSize ?? 11, item.fontWeight === 'bold');
  const compiled = vegaLite.compile({ ...spec, config: CONFIG }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
  try {
    // Ids of clip paths count through the whole process otherwise.
    vega.resetSVGDefIds();
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

/** What Vega measures text with, which is made to be replaced but is not in its types. */
interface TextMetrics {
  width: (item: { fontSize?: number; fontWeight?: string | number }, text: unknown) => number;
}

const CONFIG: Config = {
  background: 'white',
  font: FONT_FAMILY,
  padding: 16,
  title: {
    anchor: 'start',
    color: COLORS.ink,
    fontSize: 16,
    fontWeight: 'bold',
    offset: 14,
    subtitleColor: COLORS.faint,
    subtitleFontSize: 12,
    subtitlePadding: 6,
    subtitleLineHeight: 16,
  },
  axis: {
    domainColor: COLORS.faint,
    gridColor: '#e4e7eb',
    labelColor: COLORS.ink,
    labelFontSize: 12,
    tickColor: COLORS.faint,
    titleColor: COLORS.ink,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titlePadding: 10,
  },
  legend: { labelColor: COLORS.ink, labelFontSize: 12, title: null },
  view: { stroke: null },
};
