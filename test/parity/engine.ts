import { resolveAdam } from '../../lib/architecture/adam.js';
import type { LayerSpec } from '../../lib/architecture/layers.js';
import { resolveLayers, toNativeLayers } from '../../lib/architecture/resolve-layers.js';
import type {
  NativeDataset,
  NativeLayer,
  NativeMetrics,
  NativeNetwork,
  NativeState,
} from '../../lib/native/contract.js';
import { device, precision } from './device.js';

/**
 * A network on the device under test, driven through the native contract: unlike a Model it may end anywhere, starts
 * from any layer's input, and shows Adam's state. Batches are pixels 0..255.
 */
export class Engine {
  readonly #layers: NativeLayer[];
  readonly #network: NativeNetwork;

  constructor(layers: NativeLayer[]) {
    this.#layers = layers;
    this.#network = new device.addon.Network({
      layers,
      adam: resolveAdam({}),
      device: device.index,
      seed: 0,
      precision,
      threads: device.concurrency,
    });
  }

  static of(specs: readonly LayerSpec[], inputShape: readonly number[]): Engine {
    return new Engine(toNativeLayers(resolveLayers(specs, inputShape)));
  }

  get state(): NativeState {
    return this.#network.readState();
  }

  set state(state: Partial<NativeState>) {
    this.#network.writeState(state);
  }

  /** The last layer's output of one batch. */
  forward(images: Uint8Array, training: boolean): Promise<Float32Array> {
    return this.#run(images, undefined, (data, rows) =>
      this.#network.predict(data, rows, rows.length, training),
    );
  }

  gradients(images: Uint8Array, labels: Uint8Array): Promise<{ loss: number; gradients: Float32Array }> {
    return this.#run(images, labels, (data, rows) => this.#network.gradients(data, rows));
  }

  /** An optimizer step for each of the batches that the images are cut into. */
  train(images: Uint8Array, labels: Uint8Array, batchSizes = [labels.length]): Promise<NativeMetrics> {
    return this.#run(images, labels, (data, rows) =>
      this.#network.trainEpoch(data, rows, Uint32Array.from(batchSizes)),
    );
  }

  async #run<T>(
    images: Uint8Array,
    labels: Uint8Array | undefined,
    use: (data: NativeDataset, rows: Uint32Array) => Promise<T>,
  ): Promise<T> {
    const imageSize = this.#layers[0]!.inputShape.reduce((a, b) => a * b, 1);
    const count = images.length / imageSize;
    const data = new device.addon.Dataset({
      images,
      labels: labels ?? new Uint8Array(count),
      count,
      imageSize,
      device: device.index,
    });
    try {
      return await use(
        data,
        Uint32Array.from({ length: count }, (_, i) => i),
      );
    } finally {
      data.dispose();
    }
  }
}
