import { pythonJson } from '../python/json.js';
import { concatenateWeights, type DescribedModel } from './exportable-model.js';
import { modelConfig } from './keras-config.js';

/**
 * The bytes of a safetensors file: the length of a JSON header as uint64, the header, the values. The tensors are named
 * as in Keras (`conv2d/kernel`) and have Keras' layouts; `model_config` in the metadata is Keras' JSON of the
 * architecture.
 */
export function encodeSafetensors({ name, architecture, weights }: DescribedModel): Buffer {
  const header: Record<string, unknown> = {
    __metadata__: { model_config: pythonJson(modelConfig(name, architecture)) },
  };
  let offset = 0;
  for (const { name, shape, data } of weights) {
    const end = offset + data.byteLength;
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = JSON.stringify(header);
  // Spaces may end the header; with them the values start at a multiple of 8, as the format recommends.
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, concatenateWeights(weights)]);
}
