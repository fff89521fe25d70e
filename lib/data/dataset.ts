import { types } from 'node:util';
import { ConvsweepError, invalidArgument } from '../errors.js';
import type { Division } from './origin.js';

/** What {@link Dataset} is made of. */
export interface DatasetSource {
  /** Pixels 0..255, `count x height x width x channels`, row-major, channels last (NHWC). */
  images: Uint8Array;
  /** One class index per image, each below `classes`. */
  labels: Uint8Array;
  height: number;
  width: number;
  /** Default 1. */
  channels?: number;
  /** Number of classes. Default: the largest label + 1. */
  classes?: number;
  /** Shown in reports. Default `custom`. */
  name?: string;
}

/** The pixels and labels that all subsets of a data set share; its identity is what a device copy is kept for. */
export interface ImageStore {
  /** Of the data set as a whole, whatever its subsets are called. */
  readonly name: string;
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
}

/**
 * Labelled images of one size. A data set is a list of rows of a shared store: subsets copy no pixels, and a device
 * holds the store once, however many subsets of it are trained on.
 */
export class Dataset {
  readonly store: ImageStore;
  /** The rows of {@link store} that belong to this data set, in its order. */
  readonly rows: Uint32Array;
  readonly name: string;
  /** How it was cut from the data set as a whole, where `holdout` or `notebookSplit` did: see {@link Origin}. */
  readonly division: Division | undefined;

  private constructor(store: ImageStore, rows: Uint32Array, name: string, division?: Division) {
    this.store = store;
    this.rows = rows;
    this.name = name;
    this.division = division;
  }

  /**
   * A data set of all images of `source`. The arrays are used as they are, not copied: do not change them afterwards.
   * @throws ConvsweepError `INVALID_ARGUMENT` or `INVALID_DATA` when sizes disagree or a label is out of range
   */
  static from(source: DatasetSource): Dataset {
    if (typeof source !== 'object' || source === null) {
      throw invalidArgument('source', '{ images, labels, height, width }', source);
    }
    const { images, labels, height, width, channels = 1, name = 'custom' } = source;
    if (!types.isUint8Array(images)) throw invalidArgument('images', 'a Uint8Array of pixels 0..255', images);
    if (!types.isUint8Array(labels)) throw invalidArgument('labels', 'a Uint8Array of class indices', labels);
    for (const [key, value] of Object.entries({ height, width, channels })) {
      if (!Number.isSafeInteger(value) || value < 1) throw invalidArgument(key, 'a positive integer', value);
    }
    if (typeof name !== 'string') throw invalidArgument('name', 'a string', name);
    const pixels = height * width * channels;
    if (images.length !== labels.length * pixels) {
      throw new ConvsweepError(
        'INVALID_DATA',
        `Expected ${labels.length} labels x ${height} x ${width} x ${channels} = ${labels.length * pixels} pixels but received ${images.length}`,
      );
    }
    const largest = labels.reduce((max, label) => Math.max(max, label), 0);
    const classes = source.classes ?? largest + 1;
    if (!Number.isSafeInteger(classes) || classes < 1)
      throw invalidArgument('classes', 'a positive integer', classes);
    if (largest >= classes) {
      throw new ConvsweepError(
        'INVALID_DATA',
        `Expected labels below ${classes} (the number of classes) but received ${largest} at index ${labels.indexOf(largest)}`,
      );
    }
    const store: ImageStore = {
      name,
      images,
      labels,
      count: labels.length,
      height,
      width,
      channels,
      classes,
    };
    return new Dataset(store, Uint32Array.from(labels.keys()), name);
  }

  /** Number of images. */
  get size(): number {
    return this.rows.length;
  }

  /** `[height, width, channels]` */
  get imageShape(): [number, number, number] {
    return [this.store.height, this.store.width, this.store.channels];
  }

  get classes(): number {
    return this.store.classes;
  }

  /**
   * The data set of the images at `positions` of this one, in that order.
   * @param name default: this one's
   * @param division what to note about the cut; default nothing
   */
  subset(positions: ArrayLike<number>, name = this.name, division?: Division): Dataset {
    const rows = new Uint32Array(positions.length);
    for (let i = 0; i < rows.length; i++) {
      const row = this.rows[positions[i]!];
      if (row === undefined)
        throw invalidArgument('positions', `positions from 0 to ${this.size - 1}`, positions[i]);
      rows[i] = row;
    }
    return new Dataset(this.store, rows, name, division);
  }

  /** The pixels of image `position`, a view of the store. */
  image(position: number): Uint8Array {
    const row = this.rows[position];
    if (row === undefined)
      throw invalidArgument('position', `an integer from 0 to ${this.size - 1}`, position);
    const { images, height, width, channels } = this.store;
    const pixels = height * width * channels;
    return images.subarray(row * pixels, (row + 1) * pixels);
  }

  /** The labels, a copy in this data set's order. */
  labels(): Uint8Array {
    return Uint8Array.from(this.rows, (row) => this.store.labels[row]!);
  }

  /** How many images there are of each class. */
  classCounts(): number[] {
    const counts = new Array<number>(this.classes).fill(0);
    for (const row of this.rows) counts[this.store.labels[row]!]!++;
    return counts;
  }
}
