import { describe, expect, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import { architectureDiagram, modelDot } from '../../lib/report/diagram.js';
import { parseSvg } from './report-svg.js';

/** Name, class, input and output of the records that Keras 2.8 makes for the notebook's best model. */
const RECORDS = [
  ['rescaling_91_input', 'InputLayer', '[(None, 28, 28, 1)]', '[(None, 28, 28, 1)]'],
  ['rescaling_91', 'Rescaling', '(None, 28, 28, 1)', '(None, 28, 28, 1)'],
  ['conv2d_182', 'Conv2D', '(None, 28, 28, 1)', '(None, 26, 26, 28)'],
  ['max_pooling2d_182', 'MaxPooling2D', '(None, 26, 26, 28)', '(None, 13, 13, 28)'],
  ['batch_normalization_455', 'BatchNormalization', '(None, 13, 13, 28)', '(None, 13, 13, 28)'],
  ['conv2d_183', 'Conv2D', '(None, 13, 13, 28)', '(None, 11, 11, 28)'],
  ['max_pooling2d_183', 'MaxPooling2D', '(None, 11, 11, 28)', '(None, 5, 5, 28)'],
  ['batch_normalization_456', 'BatchNormalization', '(None, 5, 5, 28)', '(None, 5, 5, 28)'],
  ['flatten_91', 'Flatten', '(None, 5, 5, 28)', '(None, 700)'],
  ['dense_364', 'Dense', '(None, 700)', '(None, 100)'],
  ['batch_normalization_457', 'BatchNormalization', '(None, 100)', '(None, 100)'],
  ['dense_365', 'Dense', '(None, 100)', '(None, 60)'],
  ['batch_normalization_458', 'BatchNormalization', '(None, 60)', '(None, 60)'],
  ['dense_366', 'Dense', '(None, 60)', '(None, 100)'],
  ['batch_normalization_459', 'BatchNormalization', '(None, 100)', '(None, 100)'],
  ['dense_367', 'Dense', '(None, 100)', '(None, 10)'],
];

/** The notebook's best model with the names that it has there. */
const notebook = {
  inputShape: [28, 28, 1],
  layers: notebookLayers([100, 60, 100]).map((layer, i) => ({ ...layer, name: RECORDS[i + 1]![0]! })),
};

describe('modelDot', () => {
  test('is the graph of the notebook as Keras 2.8 writes it', () => {
    const lines = modelDot(notebook).split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'digraph G {',
      'rankdir=TB;',
      'concentrate=true;',
      'dpi=96;',
      'node [shape=record];',
    ]);
    expect(lines.slice(5, 21)).toEqual(
      RECORDS.map(
        ([name, type, from, to]) =>
          `"${name}" [label="{${name}|${type}}|{input:|output:}|{{${from}}}|{{${to}}}"];`,
      ),
    );
    expect(lines.slice(21, 36)).toEqual(
      RECORDS.slice(1).map(([name], i) => `"${RECORDS[i]![0]}" -> "${name}";`),
    );
    expect(lines.slice(36)).toEqual(['}', '']);
  });

  test('takes names that DOT would not take bare', () => {
    const flatten = { ...layers.flatten(), name: 'a-b.c' };
    const dense = { ...layers.dense({ units: 2, activation: 'softmax' }), name: '1' };
    const dot = modelDot({ inputShape: [2, 2, 1], layers: [flatten, dense] });
    expect(dot).toContain('"a-b.c" -> "1";');
  });
});

describe('architectureDiagram', () => {
  test('draws every record, from the first layer down, with an arrow between each two', async () => {
    const svg = await architectureDiagram(notebook);
    const { texts, count, width, height } = parseSvg(svg);
    expect(texts.filter((text) => !/^(input|output):$/.test(text))).toEqual(RECORDS.flat());
    expect([count('class="node"'), count('class="edge"')]).toEqual([16, 15]);
    expect(height).toBeGreaterThan(width);
    const tops = [...svg.matchAll(/<g id="node\d+".*?points="[\d.-]+,(-?[\d.]+)/gs)].map((match) =>
      Number(match[1]),
    );
    expect(tops).toEqual([...tops].sort((a, b) => a - b));
  });

  test('holds no version and is the same again', async () => {
    const svg = await architectureDiagram(notebook);
    expect(svg).toMatch(/^<svg /);
    expect(svg).not.toContain('<!');
    expect(await architectureDiagram(notebook)).toBe(svg);
  });
});
