import type { Activation, LayerSpec, SpecOf } from '../architecture/layers.js';
import type { Architecture, ResolvedLayer } from '../architecture/resolve-layers.js';
import type { NamedWeight } from '../architecture/weights.js';
import { ConvsweepError } from '../errors.js';
import { type DescribedModel, weightBytes } from './exportable-model.js';

/** Of the messages in onnx.proto what is written here, under the same names and numbers. */
const SCHEMA = `
  syntax = "proto2";
  message ModelProto {
    optional int64 ir_version = 1;
    optional string producer_name = 2;
    optional GraphProto graph = 7;
    repeated OperatorSetIdProto opset_import = 8;
  }
  message OperatorSetIdProto {
    optional string domain = 1;
    optional int64 version = 2;
  }
  message GraphProto {
    repeated NodeProto node = 1;
    optional string name = 2;
    repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11;
    repeated ValueInfoProto output = 12;
  }
  message NodeProto {
    repeated string input = 1;
    repeated string output = 2;
    optional string name = 3;
    optional string op_type = 4;
    repeated AttributeProto attribute = 5;
  }
  message AttributeProto {
    enum AttributeType { UNDEFINED = 0; FLOAT = 1; INT = 2; INTS = 7; }
    optional string name = 1;
    optional float f = 2;
    optional int64 i = 3;
    repeated int64 ints = 8;
    optional AttributeType type = 20;
  }
  message TensorProto {
    repeated int64 dims = 1;
    optional int32 data_type = 2;
    optional string name = 8;
    optional bytes raw_data = 9;
  }
  message ValueInfoProto {
    optional string name = 1;
    optional TypeProto type = 2;
    optional string doc_string = 3;
  }
  message TypeProto {
    message Tensor {
      optional int32 elem_type = 1;
      optional TensorShapeProto shape = 2;
    }
    optional Tensor tensor_type = 1;
  }
  message TensorShapeProto {
    message Dimension {
      optional int64 dim_value = 1;
      optional string dim_param = 2;
    }
    repeated Dimension dim = 1;
  }
`;

/** TensorProto.DataType */
const FLOAT = 1;
const IR_VERSION = 8;
const OPSET = 17;

/** A protobuf message holds at most this many bytes; the nodes and names need some of them. */
const MAX_WEIGHT_BYTES = 2 ** 31 - 2 ** 20;

/** The names of the graph's input and output. */
export const ONNX_INPUT = 'image';
export const ONNX_OUTPUT = 'probabilities';

/** AttributeProto */
interface Attribute {
  name: string;
  type: 'FLOAT' | 'INT' | 'INTS';
  f?: number;
  i?: number;
  ints?: readonly number[];
}

/** NodeProto */
interface Node {
  name: string;
  opType: string;
  input: string[];
  output: [string];
  attribute: Attribute[];
}

/** TensorProto */
interface Tensor {
  name: string;
  dataType: typeof FLOAT;
  dims: number[];
  rawData: Buffer;
}

/**
 * The bytes of an ONNX model, opset 17: `image` [N, height, width, channels], float32 of 0..255, to `probabilities`
 * [N, classes].
 * @throws ConvsweepError `INVALID_ARGUMENT` when the weights are more than the 2 GiB that such a file can hold
 */
export async function encodeOnnx({ name, architecture, weights }: DescribedModel): Promise<Uint8Array> {
  const bytes = 4 * architecture.parameters.total;
  if (bytes > MAX_WEIGHT_BYTES) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `The weights of ${name} take ${bytes} bytes, and an ONNX file holds at most ${MAX_WEIGHT_BYTES}; export to safetensors, or save as .keras`,
    );
  }
  // Loaded at first use: it takes a tenth of a second.
  const { default: protobuf } = await import('protobufjs');
  const type = protobuf.parse(SCHEMA).root.lookupType('ModelProto');
  const { nodes, initializers } = buildGraph(architecture, weights);
  const value = (name: string, shape: readonly number[], doc?: string) => ({
    name,
    type: {
      tensorType: {
        elemType: FLOAT,
        shape: { dim: [{ dimParam: 'N' }, ...shape.map((side) => ({ dimValue: side }))] },
      },
    },
    docString: doc,
  });
  const model = type.fromObject({
    irVersion: IR_VERSION,
    producerName: 'convsweep',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name,
      node: nodes,
      initializer: initializers,
      input: [value(ONNX_INPUT, architecture.inputShape, 'pixels 0..255, channels last')],
      output: [value(ONNX_OUTPUT, architecture.outputShape)],
    },
  });
  return type.encode(model).finish();
}

/** The layers as a chain of nodes. Images are channels first where an operator wants that, channels last elsewhere. */
function buildGraph(
  architecture: Architecture,
  weights: readonly NamedWeight[],
): { nodes: Node[]; initializers: Tensor[] } {
  const nodes: Node[] = [];
  const initializers: Tensor[] = [];
  const values = new Map(weights.map((weight) => [weight.name, weight]));
  let channelsFirst = false;

  const append = (layer: ResolvedLayer, opType: string, inputs: string[], attribute: Attribute[] = []) => {
    const name = `${layer.name}/${opType}`;
    const previous = nodes.at(-1)?.output[0] ?? ONNX_INPUT;
    nodes.push({ name, opType, input: [previous, ...inputs], output: [name], attribute });
  };
  const constant = (name: string, dims: number[], data: Float32Array): string => {
    initializers.push({ name, dataType: FLOAT, dims, rawData: weightBytes(data) });
    return name;
  };
  const weightsOf = (layer: ResolvedLayer): string[] =>
    layer.weights.map(({ name, shape, variable }) => {
      const { data } = values.get(name)!;
      if (variable !== 'kernel' || shape.length !== 4) return constant(name, shape, data);
      const [height, width, channels, filters] = shape as [number, number, number, number];
      return constant(name, [filters, channels, height, width], filtersFirst(data, shape));
    });
  const arrange = (layer: ResolvedLayer, first: boolean) => {
    if (layer.inputShape.length === 3 && first !== channelsFirst) {
      append(layer, 'Transpose', [], [ints('perm', first ? [0, 3, 1, 2] : [0, 2, 3, 1])]);
      channelsFirst = first;
    }
  };
  const activate = (layer: ResolvedLayer, activation: Activation) => {
    if (activation === 'relu') append(layer, 'Relu', []);
    if (activation === 'softmax') {
      arrange(layer, false);
      append(layer, 'Softmax', [], [int('axis', -1)]);
    }
  };

  const encoders: { [Type in LayerSpec['type']]: (layer: ResolvedLayer, spec: SpecOf<Type>) => void } = {
    Rescaling(layer, { scale, offset }) {
      append(layer, 'Mul', [constant(`${layer.name}/scale`, [], Float32Array.of(scale))]);
      if (offset !== 0) append(layer, 'Add', [constant(`${layer.name}/offset`, [], Float32Array.of(offset))]);
    },
    Conv2D(layer, { kernelSize, strides, activation }) {
      arrange(layer, true);
      append(layer, 'Conv', weightsOf(layer), windows(layer, kernelSize, strides));
      activate(layer, activation);
    },
    MaxPooling2D(layer, { poolSize, strides }) {
      arrange(layer, true);
      append(layer, 'MaxPool', [], windows(layer, poolSize, strides));
    },
    BatchNormalization(layer, { epsilon }) {
      arrange(layer, true);
      append(layer, 'BatchNormalization', weightsOf(layer), [float('epsilon', epsilon)]);
    },
    Flatten(layer) {
      arrange(layer, false);
      append(layer, 'Flatten', [], [int('axis', 1)]);
    },
    Dense(layer, { activation }) {
      append(layer, 'Gemm', weightsOf(layer));
      activate(layer, activation);
    },
    Activation: (layer, { activation }) => activate(layer, activation),
    // Does nothing in inference.
    Dropout() {},
  };
  for (const layer of architecture.layers) {
    (encoders[layer.spec.type] as (layer: ResolvedLayer, spec: LayerSpec) => void)(layer, layer.spec);
  }
  nodes.at(-1)!.output = [ONNX_OUTPUT];
  return { nodes, initializers };
}

/** The attributes of a sliding window. Padding is TensorFlow's: the smaller half first. */
function windows(
  { inputShape, outputShape }: ResolvedLayer,
  window: readonly [number, number],
  strides: readonly [number, number],
): Attribute[] {
  const pads = ([0, 1] as const).map((i) =>
    Math.max((outputShape[i]! - 1) * strides[i] + window[i] - inputShape[i]!, 0),
  );
  const before = pads.map((pad) => Math.floor(pad / 2));
  const after = pads.map((pad) => Math.ceil(pad / 2));
  return [ints('kernel_shape', window), ints('strides', strides), ints('pads', [...before, ...after])];
}

/** `[height, width, in, out]` to `[out, in, height, width]`. */
function filtersFirst(data: Float32Array, shape: readonly number[]): Float32Array {
  const [height, width, channels, filters] = shape as [number, number, number, number];
  const area = height * width;
  const result = new Float32Array(data.length);
  for (let position = 0; position < area; position++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let filter = 0; filter < filters; filter++) {
        result[(filter * channels + channel) * area + position] =
          data[(position * channels + channel) * filters + filter]!;
      }
    }
  }
  return result;
}

function float(name: string, f: number): Attribute {
  return { name, type: 'FLOAT', f };
}

function int(name: string, i: number): Attribute {
  return { name, type: 'INT', i };
}

function ints(name: string, ints: readonly number[]): Attribute {
  return { name, type: 'INTS', ints };
}
