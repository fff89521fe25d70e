import type { ImageStore } from '../data/dataset.js';
import { ConvsweepError } from '../errors.js';
import type { NativeAddon, NativeDataset } from './contract.js';
import type { ResolvedDevice } from './devices.js';

type CopiesOnDevices = Map<NativeAddon, Map<number, NativeDataset>>;

/** Keyed by identity: a store that nobody holds any more takes its copies with it. */
const copies = new WeakMap<ImageStore, CopiesOnDevices>();

/** The store's copy on the device, made at first use and shared by all models and subsets. */
export function deviceData(store: ImageStore, device: ResolvedDevice): NativeDataset {
  const ofStore: CopiesOnDevices = copies.get(store) ?? new Map();
  copies.set(store, ofStore);
  const ofAddon = ofStore.get(device.addon) ?? new Map<number, NativeDataset>();
  ofStore.set(device.addon, ofAddon);
  const copy = ofAddon.get(device.index) ?? copyToDevice(store, device);
  ofAddon.set(device.index, copy);
  return copy;
}

/**
 * A copy of its own, for whoever disposes it.
 * @throws ConvsweepError `INVALID_DATA` for images that were taken away or labels that were changed since they were
 * checked
 */
export function copyToDevice(store: ImageStore, device: ResolvedDevice): NativeDataset {
  const { name, images, labels, classes, count } = store;
  const imageSize = store.height * store.width * store.channels;
  if (images.length !== count * imageSize) {
    throw new ConvsweepError(
      'INVALID_DATA',
      `Expected ${count * imageSize} pixels for the images of ${name} but there are ${images.length}; the array was transferred or resized after Dataset.from, which wants one that stays as it is`,
    );
  }
  const changed = labels.findIndex((label) => label >= classes);
  if (changed >= 0) {
    throw new ConvsweepError(
      'INVALID_DATA',
      `Expected labels below ${classes} (the classes of ${name}) but received ${labels[changed]} at index ${changed}; the array was changed after Dataset.from, which wants one that stays as it is`,
    );
  }
  return new device.addon.Dataset({
    images,
    labels,
    count,
    imageSize,
    device: device.index,
  });
}
