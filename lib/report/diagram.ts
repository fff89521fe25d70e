import type { LayerSpec } from '../architecture/layers.js';
import { resolveLayers } from '../architecture/resolve-layers.js';
import { FONT_FAMILY } from './font.js';

/** The layers of a model, as `Model` and model files have them. */
export interface Layered {
  /** `[height, width, channels]` */
  inputShape: readonly number[];
  layers: readonly LayerSpec[];
}

/**
 * The graph that Keras 2.8's `model_to_dot(model, show_shapes=True)` makes: a record per layer with its name, class,
 * and shapes in and out, `InputLayer` first. Nodes have the layers' names instead of Python's object ids.
 * @returns text in Graphviz's DOT language
 */
export function modelDot({ inputShape, layers }: Layered): string {
  const resolved = resolveLayers(layers, inputShape).layers;
  const input = `[${batchShape(inputShape)}]`;
  const nodes = [
    { name: `${resolved[0]!.name}_input`, type: 'InputLayer', from: input, to: input },
    ...resolved.map((layer) => ({
      name: layer.name,
      type: layer.spec.type,
      from: batchShape(layer.inputShape),
      to: batchShape(layer.outputShape),
    })),
  ];
  return [
    'digraph G {',
    'rankdir=TB;',
    'concentrate=true;',
    'dpi=96;',
    'node [shape=record];',
    ...nodes.map(
      ({ name, type, from, to }) =>
        `"${name}" [label="{${name}|${type}}|{input:|output:}|{{${from}}}|{{${to}}}"];`,
    ),
    ...nodes.slice(1).map(({ name }, i) => `"${nodes[i]!.name}" -> "${name}";`),
    '}',
    '',
  ].join('\n');
}

/**
 * {@link modelDot} laid out by Graphviz.
 * @returns SVG, the same bytes for the same layers
 */
export async function architectureDiagram(model: Layered): Promise<string> {
  // Graphviz as WebAssembly, which only commands that draw need to load.
  const { instance } = await import('@viz-js/viz');
  const svg = (await instance()).renderString(modelDot(model), {
    format: 'svg',
    // A font whose widths Graphviz knows; see FONT_FAMILY.
    nodeAttributes: { fontname: 'Arial' },
  });
  // The prologue and the comments tell Graphviz's version; neither is part of the picture.
  return svg
    .slice(svg.indexOf('<svg'))
    .replace(/<!--.*?-->\n?/gs, '')
    .replaceAll('font-family="Arial"', `font-family="${FONT_FAMILY}"`);
}

/** Python's tuple of a batch of any size. */
function batchShape(shape: readonly number[]): string {
  return `(None, ${shape.join(', ')})`;
}
