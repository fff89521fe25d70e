import type { Architecture } from './resolve-layers.js';

const LINE_LENGTH = 65;
/** Where the columns end: 45 %, 85 % and 100 % of the line. */
const COLUMN_ENDS = [29, 55, 65];
/** Keras breaks a cell after the end of a tuple, dict, list or string. */
const BREAKS = ['),', '},', '],', "',"];

/** The text that Keras 2.8's `model.summary()` prints, each line ended by a newline. */
export function summary(name: string, { layers, parameters }: Architecture): string {
  const rule = (character: string) => character.repeat(LINE_LENGTH);
  const lines = [
    `Model: "${name}"`,
    rule('_'),
    ...row(['Layer (type)', 'Output Shape', 'Param #']),
    rule('='),
  ];
  for (const layer of layers) {
    const count = layer.weights.reduce((sum, weight) => sum + weight.size, 0);
    const shape = `(None, ${layer.outputShape.join(', ')})`;
    lines.push(...row([`${layer.name} (${layer.spec.type})`, shape, String(count)]), rule(' '));
  }
  lines.push(
    rule('='),
    `Total params: ${grouped(parameters.total)}`,
    `Trainable params: ${grouped(parameters.trainable)}`,
    `Non-trainable params: ${grouped(parameters.nonTrainable)}`,
    rule('_'),
  );
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * A table row; text that does not fit its column continues on the lines below. The first column starts with a space
 * that Keras does not count, so that its cut text can push the second one place to the right.
 */
function row(cells: readonly string[]): string[] {
  const left = [...cells];
  const lines: string[] = [];
  while (left.some((text) => text !== '')) {
    let line = '';
    for (const [column, end] of COLUMN_ENDS.entries()) {
      const gap = column === COLUMN_ENDS.length - 1 ? 0 : 2;
      let width = end - (COLUMN_ENDS[column - 1] ?? 0) - gap;
      const text = left[column]!.slice(0, width);
      const breaks = BREAKS.filter((mark) => text.includes(mark)).map(
        (mark) => text.indexOf(mark) + mark.length,
      );
      width = Math.min(width, ...breaks);
      line += `${column === 0 ? ' ' : ''}${text.slice(0, width)}${' '.repeat(gap)}`;
      left[column] = left[column]!.slice(width);
      line = line.padEnd(end);
    }
    lines.push(line);
  }
  return lines;
}

const grouped = (count: number): string => count.toLocaleString('en-US');
