import type { Config, Spec } from 'vega';
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
 * Draws a Vega chart as SVG. The same chart gives the same bytes; the names of its marks are classes in them.
 * @param spec its data inside it
 */
export async function vegaSvg(spec: Spec): Promise<string> {
  // A large library, which only commands that draw need to load.
  const vega = await import('vega');
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
  textMetrics.width = (item, text) => textWidth(`${text}`, item.fontSize ?? 11, item.fontWeight === 'bold');
  const view = new vega.View(vega.parse(spec, CONFIG), { renderer: 'none' });
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
  padding: 16,
  title: {
    anchor: 'start',
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
  legend: { labelColor: COLORS.ink, labelFontSize: 12 },
  style: {
    'guide-label': { font: FONT_FAMILY },
    'guide-title': { font: FONT_FAMILY },
    'group-title': { font: FONT_FAMILY, fontSize: 16, fontWeight: 'bold', fill: COLORS.ink },
    'group-subtitle': { font: FONT_FAMILY },
    text: { font: FONT_FAMILY },
  },
};
