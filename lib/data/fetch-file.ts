import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { types } from 'node:util';
import { ConvsweepError } from '../errors.js';
import { cannotWrite, syncFolder } from '../files.js';

/** What a file must be, so that nothing else passes for it. */
export interface PinnedFile {
  name: string;
  bytes: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

export interface FetchFileOptions {
  signal?: AbortSignal | undefined;
  /** Attempts after the first, where another may help: no answer, a broken connection, HTTP 408, 425, 429 and 5xx. */
  retries: number;
  /** Milliseconds before the first retry; doubles with each. */
  retryDelay: number;
  /** Told the bytes received so far, those that an earlier call left included. */
  onBytes: (bytes: number) => void;
  /** What the user can do when it fails for good; ends the message. */
  remedy: string;
}

/** An attempt that failed on the network's side, and whether another may succeed. */
class AttemptFailure extends Error {
  readonly mayPass: boolean;

  constructor(message: string, mayPass: boolean, options?: ErrorOptions) {
    super(message, options);
    this.mayPass = mayPass;
  }
}

/**
 * Downloads `url` to `path`. What arrives goes to `path.part`, which a later attempt or call continues (HTTP Range; a
 * server that ignores it sends everything again). `path` appears whole and with the right checksum, or not at all.
 * @throws ConvsweepError `DOWNLOAD` with the URL, the reason and the remedy; `FILE` when the disk refuses; `ABORTED`
 *   through the signal
 */
export async function fetchFile(
  url: string,
  path: string,
  expected: PinnedFile,
  options: FetchFileOptions,
): Promise<void> {
  const { signal, retries, retryDelay, remedy } = options;
  const part = `${path}.part`;
  for (let attempt = 0; ; attempt++) {
    try {
      signal?.throwIfAborted();
      if (attempt > 0) await sleep(retryDelay * 2 ** (attempt - 1), undefined, signal ? { signal } : {});
      await complete(url, part, expected, options);
      await rename(part, path);
      return await syncFolder(dirname(path));
    } catch (cause) {
      if (signal?.aborted) {
        const message = `The download of ${url} was stopped; what arrived is kept, and the same command continues it`;
        throw new ConvsweepError('ABORTED', message, { cause });
      }
      const { message, syscall } = cause as NodeJS.ErrnoException;
      if (!(cause instanceof AttemptFailure)) {
        if (syscall === undefined) throw cause;
        throw cannotWrite(part, cause);
      }
      if (!cause.mayPass || attempt >= retries) {
        const attempts = attempt === 0 ? '' : ` in ${attempt + 1} attempts`;
        throw new ConvsweepError('DOWNLOAD', `Cannot download ${url}${attempts}: ${message}. ${remedy}`, {
          cause,
        });
      }
    }
  }
}

/** The sha256 of a file in hexadecimal. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Brings `part` to its full length and checks it; a wrong one is removed. */
async function complete(
  url: string,
  part: string,
  expected: PinnedFile,
  options: FetchFileOptions,
): Promise<void> {
  const left = (await stat(part).catch(() => undefined))?.size ?? 0;
  if (left < expected.bytes) await receive(url, part, left, expected, options);
  const received = await sha256OfFile(part);
  if (received === expected.sha256) return;
  await rm(part);
  throw new AttemptFailure(
    `expected a file with sha256 ${expected.sha256} but received ${received}`,
    // The fault may lie in the bytes of an earlier call; those are gone now.
    left > 0,
  );
}

async function receive(
  url: string,
  part: string,
  left: number,
  expected: PinnedFile,
  options: FetchFileOptions,
): Promise<void> {
  const { signal, onBytes } = options;
  const response = await fetch(url, {
    // A .gz file must arrive as it is: fetch would unpack what a server encodes.
    headers: { 'accept-encoding': 'identity', ...(left > 0 ? { range: `bytes=${left}-` } : {}) },
    signal: signal ?? null,
  }).catch((cause: Error) => {
    const reason =
      types.isNativeError(cause.cause) && cause.cause.message ? cause.cause.message : cause.message;
    throw new AttemptFailure(`no answer (${reason})`, true, { cause });
  });
  const refusal = refusalOf(response, left, expected.bytes);
  if (refusal) {
    await response.body?.cancel();
    if (refusal.dropsPart) await rm(part);
    throw refusal.failure;
  }

  let received = response.status === 206 ? left : 0;
  onBytes(received);
  const reader = response.body!.getReader();
  const file = await open(part, received > 0 ? 'a' : 'w');
  try {
    while (true) {
      const { done, value } = await reader.read().catch((cause: Error) => {
        throw new AttemptFailure(`the connection broke after ${received} of ${expected.bytes} bytes`, true, {
          cause,
        });
      });
      if (done) break;
      received += value.length;
      if (received > expected.bytes) {
        throw new AttemptFailure(`expected ${expected.bytes} bytes but received more`, false);
      }
      await file.appendFile(value);
      onBytes(received);
    }
    if (received < expected.bytes) {
      throw new AttemptFailure(`the answer ended after ${received} of ${expected.bytes} bytes`, true);
    }
    await file.sync();
  } finally {
    await reader.cancel().catch(() => {});
    await file.close();
  }
}

/** Why an answer's body is not what is wanted, and whether what is on disk can then not be continued either. */
function refusalOf(
  response: Response,
  left: number,
  bytes: number,
): { failure: AttemptFailure; dropsPart: boolean } | undefined {
  const { status, statusText, headers } = response;
  const refusal = (message: string, mayPass: boolean, dropsPart = false) => ({
    failure: new AttemptFailure(message, mayPass),
    dropsPart,
  });
  const otherRange = status === 206 && !headers.get('content-range')?.startsWith(`bytes ${left}-`);
  if (left > 0 && (status === 416 || otherRange)) {
    return refusal(`the server cannot continue after ${left} bytes (HTTP ${status})`, true, true);
  }
  if (status !== 200 && status !== 206) {
    const mayPass = status >= 500 || [408, 425, 429].includes(status);
    return refusal(`HTTP ${status} ${statusText}`.trimEnd(), mayPass);
  }
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    return refusal(
      `expected the file as it is but the server sends it with Content-Encoding ${encoding}`,
      false,
    );
  }
  if (!response.body) return refusal('the answer has no body', false);
  const length = headers.get('content-length');
  const whole = Number(length) + (status === 206 ? left : 0);
  if (length !== null && whole !== bytes) {
    return refusal(`expected a file of ${bytes} bytes but the server has one of ${whole}`, false);
  }
  return undefined;
}
