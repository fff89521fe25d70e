import type { ImageStore } from '../data/dataset.js';
import type { NativeAddon, NativeDataset, ResolvedDevice } from '../native.js';

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

/** A copy of its own, for whoever disposes it. */
export function copyToDevice(store: ImageStore, device: ResolvedDevice): NativeDataset {
  return new device.addon.Dataset({
    images: store.images,
    labels: store.labels,
    count: store.count,
    imageSize: store.height * store.width * store.channels,
    device: device.index,
  });
}
