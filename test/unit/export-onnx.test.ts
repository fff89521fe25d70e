import { describe, expect, test } from '@jest/globals';
import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import { resolveLayers } from '../../lib/architecture/resolve-layers.js';
import { describeModel } from '../../lib/formats/exportable-model.js';
import { encodeOnnx } from '../../lib/formats/onnx.js';
import { sequential } from '../../lib/model/model.js';

/** A protobuf message as it is on the wire: the values of each field by its number. */
type Message = Map<number, (number | Buffer)[]>;

function decode(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    let value: number | Buffer;
    if ((tag & 7) === 0) {
      value = varint();
    } else {
      const length = (tag & 7) === 5 ? 4 : varint();
      value = (tag & 7) === 5 ? bytes.readFloatLE(at) : bytes.subarray(at, at + length);
      at += length;
    }
    message.set(tag >> 3, [...(message.get(tag >> 3) ?? []), value]);
  }
  return message;
}

const messages = (message: Message, field: number) =>
  (message.get(field) ?? []).map((v) => decode(v as Buffer));
const texts = (message: Message, field: number) =>
  (message.get(field) ?? []).map((v) => (v as Buffer).toString());
const text = (message: Message, field: number) => texts(message, field)[0];

interface Node {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, unknown>;
}

/** Reads by the field numbers of onnx.proto. */
async function onnxOf(specs: LayerSpec[], inputShape: [number, number, number] = [28, 28, 1]) {
  using model = sequential(specs, { inputShape, device: 'cpu', seed: 5 });
  const root = decode(Buffer.from(await encodeOnnx(describeModel(model))));
  const [graph] = messages(root, 7) as [Message];
  const nodes = messages(graph, 1).map((node): Node => {
    const attributes = messages(node, 5).map((attribute) => {
      const field = { 1: 2, 2: 3, 7: 8 }[attribute.get(20)![0] as 1 | 2 | 7];
      const values = attribute.get(field)!;
      return [text(attribute, 1), field === 8 ? values : values[0]];
    });
    return {
      op: text(node, 4)!,
      inputs: texts(node, 1),
      outputs: texts(node, 2),
      attributes: Object.fromEntries(attributes),
    };
  });
  const tensors = new Map(
    messages(graph, 5).map((tensor) => {
      const raw = Uint8Array.from(tensor.get(9)![0] as Buffer);
      return [
        text(tensor, 8)!,
        { type: tensor.get(2)![0], dims: tensor.get(1) ?? [], data: new Float32Array(raw.buffer) },
      ];
    }),
  );
  return { root, nodes, tensors, weights: model.getWeights() };
}

describe('encodeOnnx', () => {
  test("the notebook's model is the chain of 23 nodes", async () => {
    const { root, nodes } = await onnxOf(notebookLayers([12, 10, 8]));
    const block = ['Conv', 'Relu', 'MaxPool', 'BatchNormalization'];
    const dense = ['Gemm', 'Relu', 'BatchNormalization'];
    expect(nodes.map(({ op }) => op)).toEqual([
      'Mul',
      'Transpose',
      ...block,
      ...block,
      'Transpose',
      'Flatten',
      ...dense,
      ...dense,
      ...dense,
      'Gemm',
      'Softmax',
    ]);
    expect(nodes[0]!.inputs[0]).toBe('image');
    expect(nodes.at(-1)!.outputs).toEqual(['probabilities']);
    for (const [i, { inputs }] of nodes.slice(1).entries()) expect(inputs[0]).toBe(nodes[i]!.outputs[0]);
    expect(root.get(1)).toEqual([8]);
    expect(messages(root, 8).map((opset) => [text(opset, 1), opset.get(2)])).toEqual([['', [17]]]);
  });

  test('kernels have their filters first, and what batch norm adds to the variance is given', async () => {
    const { nodes, tensors, weights } = await onnxOf(
      [
        layers.conv2d({ filters: 3, kernelSize: [2, 4] }),
        layers.batchNormalization({ epsilon: 0.25 }),
        layers.flatten(),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
      [5, 6, 2],
    );
    const { dims, data, type } = tensors.get('conv2d/kernel')!;
    expect([type, dims]).toEqual([1, [3, 2, 2, 4]]);
    const keras = weights[0]!.data;
    for (let f = 0; f < 3; f++)
      for (let c = 0; c < 2; c++)
        for (let y = 0; y < 2; y++)
          for (let x = 0; x < 4; x++)
            expect(data[((f * 2 + c) * 2 + y) * 4 + x]).toBe(keras[((y * 4 + x) * 2 + c) * 3 + f]);
    const norm = nodes.find(({ op }) => op === 'BatchNormalization')!;
    expect(norm.attributes).toEqual({ epsilon: 0.25 });
    expect(norm.inputs.slice(1)).toEqual(
      ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) => `batch_normalization/${name}`),
    );
    expect(tensors.get('dense/kernel')!.dims).toEqual([4 * 3 * 3, 2]);
  });

  // TensorFlow's padding: ceil(size / stride) outputs, the odd pixel of padding below and to the right.
  test.each([
    [
      [7, 8],
      [3, 3],
      [2, 2],
      [1, 0, 1, 1],
    ],
    [
      [7, 8],
      [2, 4],
      [1, 3],
      [0, 1, 1, 1],
    ],
    [
      [6, 5],
      [1, 2],
      [3, 2],
      [0, 0, 0, 1],
    ],
    [
      [5, 5],
      [5, 5],
      [1, 1],
      [2, 2, 2, 2],
    ],
  ] as const)('padding "same" of %j with window %j and strides %j', async (size, window, strides, pads) => {
    const common = { strides, padding: 'same' } as const;
    const { nodes } = await onnxOf(
      [
        layers.conv2d({ filters: 1, kernelSize: window, ...common }),
        layers.flatten(),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
      [...size, 1],
    );
    const expected = { kernel_shape: window, strides, pads };
    expect(nodes.find(({ op }) => op === 'Conv')!.attributes).toEqual(expected);
    const pooled = await onnxOf(
      [
        layers.maxPooling2d({ poolSize: window, ...common }),
        layers.flatten(),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
      [...size, 1],
    );
    expect(pooled.nodes.find(({ op }) => op === 'MaxPool')!.attributes).toEqual(expected);
  });

  test('without an image operator nothing is transposed; dropout leaves no trace; no bias, no input', async () => {
    const { nodes } = await onnxOf([
      layers.rescaling({ scale: 2, offset: 1 }),
      layers.dropout({ rate: 0.5 }),
      layers.activation('relu'),
      layers.flatten(),
      layers.dense({ units: 3, useBias: false }),
      layers.activation('linear'),
      layers.activation('softmax'),
    ]);
    expect(nodes.map(({ op, inputs }) => [op, inputs.length])).toEqual([
      ['Mul', 2],
      ['Add', 2],
      ['Relu', 1],
      ['Flatten', 1],
      ['Gemm', 2],
      ['Softmax', 1],
    ]);
  });

  test('more weights than an ONNX file can hold are an error, before they are read', async () => {
    const specs = [layers.flatten(), layers.dense({ units: 50_000, activation: 'softmax' })];
    const architecture = resolveLayers(specs, [100, 120, 1]);
    await expect(encodeOnnx({ name: 'giant', architecture, weights: [] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('export to safetensors'),
    });
  });
});
