import type { TopLevelSpec } from 'vega-lite';
import { COLORS, vegaSvg } from '../vega-svg.js';

/** Blue for what is right, vermilion for what is wrong, from the palest shade that is told from white. */
const SHADES = { right: ['#e3eef6', '#0072B2'], wrong: ['#fdeee5', '#D55E00'] };

/**
 * A confusion matrix as a heat map: true classes down, predicted classes across. A cell is the darker the larger its
 * share of its true class is. Right and wrong have scales of their own, and the wrong one grows with the root: beside
 * what is right, one mistake in a thousand would not show.
 * @param matrix by true class (row) and predicted class (column)
 * @param subtitle what was evaluated, a line each
 * @returns SVG, the same bytes for the same matrix
 */
export function plotConfusionMatrix(
  matrix: readonly (readonly number[])[],
  subtitle: readonly string[],
): Promise<string> {
  return vegaSvg(confusionSpec(matrix, subtitle));
}

function confusionSpec(matrix: readonly (readonly number[])[], subtitle: readonly string[]): TopLevelSpec {
  const cells = matrix.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, predicted) => ({ label, predicted, count, share: count / total || 0 }));
  });
  const isRight = 'datum.label === datum.predicted';
  const largestMistake = Math.max(...cells.map((cell) => (cell.label === cell.predicted ? 0 : cell.share)));
  const size = matrix.length <= 12 ? 44 : 26;
  const axis = (title: string, orient: 'left' | 'top') => ({
    type: 'ordinal' as const,
    title,
    axis: {
      orient,
      domain: false,
      ticks: false,
      labelAngle: 0,
      labelFontSize: matrix.length <= 12 ? 13 : 10,
    },
  });
  const position = {
    x: { field: 'predicted', ...axis('predicted class', 'top') },
    y: { field: 'label', ...axis('true class', 'left') },
  };
  const shaded = (filter: string, type: 'linear' | 'sqrt', largest: number, range: string[]) => ({
    transform: [{ filter: `${filter} && datum.count > 0` }],
    mark: { type: 'rect' as const, stroke: 'white', strokeWidth: 2 },
    encoding: {
      ...position,
      color: {
        field: 'share',
        type: 'quantitative' as const,
        scale: { type, domain: [0, largest], range },
        legend: null,
      },
    },
  });
  return {
    width: { step: size },
    height: { step: size },
    title: { text: 'Confusion matrix', subtitle: [...subtitle] },
    data: { values: cells },
    resolve: { scale: { color: 'independent' } },
    layer: [
      { mark: { type: 'rect', color: '#f6f7f9', stroke: 'white', strokeWidth: 2 }, encoding: position },
      shaded(isRight, 'linear', 1, SHADES.right),
      shaded(`!(${isRight})`, 'sqrt', largestMistake || 1, SHADES.wrong),
      {
        transform: [{ filter: 'datum.count > 0' }],
        mark: { type: 'text', fontSize: matrix.length <= 12 ? 13 : 9 },
        encoding: {
          ...position,
          text: { field: 'count', type: 'quantitative' },
          color: {
            condition: { test: `${isRight} && datum.share > 0.5`, value: 'white' },
            value: COLORS.ink,
          },
        },
      },
    ],
  };
}
