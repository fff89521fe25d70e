import type { Mark, Spec } from 'vega';
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

function confusionSpec(matrix: readonly (readonly number[])[], subtitle: readonly string[]): Spec {
  const cells = matrix.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, predicted) => ({ label, predicted, count, share: count / total || 0 }));
  });
  const counted = cells.filter(({ count }) => count > 0);
  const right = counted.filter(({ label, predicted }) => label === predicted);
  const wrong = counted.filter(({ label, predicted }) => label !== predicted);
  const largestMistake = Math.max(0, ...wrong.map(({ share }) => share));
  const isSmall = matrix.length <= 12;
  const side = matrix.length * (isSmall ? 44 : 26);
  const classes = [...matrix.keys()];
  const axis = { domain: false, ticks: false, labelAngle: 0, labelFontSize: isSmall ? 13 : 10, zindex: 1 };
  const shares = "format(datum.share, '')";
  const counts = "format(datum.count, '')";
  return {
    width: side,
    height: side,
    title: { text: 'Confusion matrix', subtitle: [...subtitle] },
    data: Object.entries({ cells, right, wrong, counted }).map(([name, values]) => ({ name, values })),
    scales: [
      { name: 'x', type: 'band', domain: classes, range: 'width' },
      { name: 'y', type: 'band', domain: classes, range: [0, { signal: 'height' }] },
      { name: 'right', type: 'linear', domain: [0, 1], range: SHADES.right, interpolate: 'hcl' },
      {
        name: 'wrong',
        type: 'sqrt',
        domain: [0, largestMistake || 1],
        range: SHADES.wrong,
        interpolate: 'hcl',
      },
    ],
    axes: [
      { ...axis, scale: 'x', orient: 'top', title: 'predicted class', labelBaseline: 'bottom' },
      { ...axis, scale: 'y', orient: 'left', title: 'true class', labelAlign: 'right' },
    ],
    marks: [
      squares('layer_0_marks', 'cells', { value: '#f6f7f9' }, describedAs()),
      squares('layer_1_marks', 'right', { scale: 'right', field: 'share' }, describedAs('share', shares)),
      squares('layer_2_marks', 'wrong', { scale: 'wrong', field: 'share' }, describedAs('share', shares)),
      {
        name: 'layer_3_marks',
        type: 'text',
        style: 'text',
        from: { data: 'counted' },
        encode: {
          update: {
            x: { scale: 'x', field: 'predicted', band: 0.5 },
            y: { scale: 'y', field: 'label', band: 0.5 },
            text: { signal: counts },
            align: { value: 'center' },
            baseline: { value: 'middle' },
            fontSize: { value: isSmall ? 13 : 9 },
            fill: [
              { test: 'datum.label === datum.predicted && datum.share > 0.5', value: 'white' },
              { value: COLORS.ink },
            ],
            description: describedAs('count', counts),
          },
        },
      },
    ],
  };
}

/** A square for each of the cells in `data`. */
function squares(
  name: string,
  data: string,
  fill: { value: string } | { scale: string; field: string },
  description: { signal: string },
): Mark {
  return {
    name,
    type: 'rect',
    from: { data },
    encode: {
      update: {
        x: { scale: 'x', field: 'predicted' },
        y: { scale: 'y', field: 'label' },
        width: { scale: 'x', band: 1 },
        height: { scale: 'y', band: 1 },
        fill,
        stroke: { value: 'white' },
        strokeWidth: { value: 2 },
        description,
      },
    },
  };
}

/** What a screen reader says of a cell. */
function describedAs(name?: string, expression?: string): { signal: string } {
  const rest = name ? ` + '; ${name}: ' + ${expression}` : '';
  return { signal: `'predicted class: ' + datum.predicted + '; true class: ' + datum.label${rest}` };
}
