import { createHash } from 'node:crypto';
import { packageVersion } from '../package.js';
import type { Dataset, ImageStore } from './dataset.js';

/** How the training side was cut from a data set as a whole. */
export interface Division {
  /** As `protocolSplits` takes it. */
  readonly protocol: 'holdout' | 'notebook';
  /** Share of the images to train on. */
  readonly percent: number;
  readonly seed: number;
}

/** What a model was trained on, well enough to find the images again. Plain data, since model files hold it. */
export interface Origin {
  /** The data set as a whole, without its subsets. */
  readonly data: {
    readonly name: string;
    /** Of the pixels and labels of all its images, in the order of their files. */
    readonly sha256: string;
  };
  /** The images trained on, whatever their order: how many, and the SHA-256 of their row numbers (ascending, uint32). */
  readonly rows: { readonly count: number; readonly sha256: string };
  /** Absent where neither `holdout` nor `notebookSplit` made the images trained on. */
  readonly division?: Division;
  /** Of convsweep. */
  readonly version: string;
}

/** Keyed by identity: a sweep trains on the same images many times, and hashing them takes a while. */
const origins = new WeakMap<Dataset, Origin>();
const checksums = new WeakMap<ImageStore, string>();

/** What a model that is trained on `dataset` comes from. */
export function originOf(dataset: Dataset): Origin {
  const known = origins.get(dataset);
  if (known) return known;
  const { store, rows, division } = dataset;
  const origin = {
    data: { name: store.name, sha256: storeSha256(store) },
    rows: { count: new Set(rows).size, sha256: rowsSha256(rows) },
    ...(division && { division }),
    version: packageVersion(),
  };
  origins.set(dataset, origin);
  return origin;
}

/** Of the pixels and labels of all images. */
export function storeSha256(store: ImageStore): string {
  const known = checksums.get(store);
  if (known !== undefined) return known;
  const sha256 = createHash('sha256').update(store.images).update(store.labels).digest('hex');
  checksums.set(store, sha256);
  return sha256;
}

function rowsSha256(rows: Uint32Array): string {
  const ascending = Uint32Array.from(new Set(rows)).sort();
  return createHash('sha256').update(ascending).digest('hex');
}

/**
 * The origins that a model file holds as JSON.
 * @returns undefined where `text` is something else
 */
export function parseOrigins(text: string): Origin[] | undefined {
  try {
    const origins: unknown = JSON.parse(text);
    return Array.isArray(origins) && origins.every(isOrigin) ? origins : undefined;
  } catch {
    return undefined;
  }
}

function isOrigin(value: unknown): value is Origin {
  const { data, rows, division, version } = (value ?? {}) as Partial<Origin>;
  return (
    typeof data?.name === 'string' &&
    isSha256(data.sha256) &&
    Number.isSafeInteger(rows?.count) &&
    isSha256(rows?.sha256) &&
    (division === undefined || isDivision(division)) &&
    typeof version === 'string'
  );
}

function isDivision(value: unknown): value is Division {
  const { protocol, percent, seed } = (value ?? {}) as Partial<Division>;
  const isProtocol = protocol === 'holdout' || protocol === 'notebook';
  return isProtocol && Number.isFinite(percent) && Number.isSafeInteger(seed);
}

function isSha256(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** `embedded-digits (60% by holdout, seed 0)`, for messages. */
export function originText({ data, division }: Origin): string {
  if (!division) return data.name;
  const { percent, protocol, seed } = division;
  return `${data.name} (${percent}% by ${protocol}, seed ${seed})`;
}
