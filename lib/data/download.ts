import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { makeFolder, orFileError } from '../files.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { integer } from '../validate.js';
import { fetchFile, type PinnedFile, sha256OfFile } from './fetch-file.js';

const MNIST_FILES: readonly PinnedFile[] = [
  {
    name: 'train-images-idx3-ubyte.gz',
    bytes: 9912422,
    sha256: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
  },
  {
    name: 'train-labels-idx1-ubyte.gz',
    bytes: 28881,
    sha256: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
  },
  {
    name: 't10k-images-idx3-ubyte.gz',
    bytes: 1648877,
    sha256: '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
  },
  {
    name: 't10k-labels-idx1-ubyte.gz',
    bytes: 4542,
    sha256: 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
  },
];

/** Where {@link downloadMnist} gets the files from by default. */
export const MNIST_MIRROR = 'https://storage.googleapis.com/cvdf-datasets/mnist/';

/** Options of {@link downloadMnist}. */
export interface DownloadOptions {
  /**
   * Base URL, http or https, of a folder with the four files. Default: the environment variable
   * `CONVSWEEP_MNIST_MIRROR`, else {@link MNIST_MIRROR}.
   */
  mirror?: string;
  /** Stops the download; what has arrived is kept and continued by the next call. */
  signal?: AbortSignal;
  onProgress?: (progress: DownloadProgress) => void;
  /** Attempts per file after the first, where another may help. Default 3. */
  retries?: number;
}

const RULES = {
  mirror: {},
  signal: {},
  onProgress: {},
  retries: { default: 3, check: integer(0) },
} as const satisfies OptionTable<DownloadOptions>;

/** How far one file of a download is. */
export interface DownloadProgress {
  /** The file that is being received. */
  file: string;
  /** Bytes on disk, all files together. */
  received: number;
  /** Bytes of all files together. */
  total: number;
}

/** What became of one file of a download. */
export interface DownloadedFile {
  path: string;
  /** False: it was there before, with the right checksum. */
  downloaded: boolean;
}

/**
 * Gets the four files of MNIST, 11.6 MB, for {@link loadIdx}. Their sizes and sha256 checksums are pinned, so any mirror
 * will do. A file that is there with the right checksum is not fetched again; one with another checksum may be another
 * data set's of the same name, so it is never overwritten. What an interrupted call has received is continued.
 * @param directory made where missing
 * @throws ConvsweepError `INVALID_ARGUMENT`; `FILE` for another file of that name, before anything is fetched, or when the
 *   disk refuses; `DOWNLOAD` with the URL, the reason and the remedy; `ABORTED` through the signal
 */
export async function downloadMnist(
  directory: string,
  options: DownloadOptions = {},
): Promise<DownloadedFile[]> {
  if (typeof directory !== 'string' || directory === '') {
    throw invalidArgument('directory', 'the path of a directory', directory);
  }
  return downloadFiles(directory, MNIST_FILES, options);
}

/**
 * {@link downloadMnist} for any list of pinned files.
 * @param retryDelay milliseconds before the first retry; doubles with each
 * @internal
 */
export async function downloadFiles(
  directory: string,
  files: readonly PinnedFile[],
  options: DownloadOptions = {},
  retryDelay = 1000,
): Promise<DownloadedFile[]> {
  const { signal, onProgress, retries, ...settings } = resolveOptions('downloadMnist', options, RULES);
  const mirror = mirrorUrl(settings.mirror);
  await makeFolder(directory);
  const results: DownloadedFile[] = [];
  for (const file of files) {
    const path = join(directory, file.name);
    results.push({ path, downloaded: !(await isPresent(path, file)) });
  }
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let before = files.reduce((sum, file, i) => sum + (results[i]!.downloaded ? 0 : file.bytes), 0);
  for (const [i, file] of files.entries()) {
    const { path, downloaded } = results[i]!;
    if (!downloaded) continue;
    await fetchFile(new URL(file.name, mirror).href, path, file, {
      signal,
      retries,
      retryDelay,
      onBytes: (bytes) => onProgress?.({ file: file.name, received: before + bytes, total }),
      remedy: `Name another mirror in the mirror option or in CONVSWEEP_MNIST_MIRROR, or put the file there by hand: ${path}`,
    });
    before += file.bytes;
  }
  return results;
}

function mirrorUrl(option: string | undefined): URL {
  const variable = process.env.CONVSWEEP_MNIST_MIRROR;
  const [name, value] =
    option === undefined && variable
      ? ['CONVSWEEP_MNIST_MIRROR', variable]
      : ['mirror', option ?? MNIST_MIRROR];
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value))
    throw invalidArgument(name, 'an http or https URL', value);
  return new URL(value.endsWith('/') ? value : `${value}/`);
}

async function isPresent(path: string, file: PinnedFile): Promise<boolean> {
  if (!(await stat(path).catch(() => undefined))) return false;
  const found = await orFileError('read', path, sha256OfFile(path));
  if (found === file.sha256) return true;
  throw new ConvsweepError(
    'FILE',
    `Expected ${path} to be missing or to have sha256 ${file.sha256} but it has ${found}: it is damaged or of another data set. Delete it, or download to another directory.`,
  );
}
