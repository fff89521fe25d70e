import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type DownloadOptions, downloadFiles, downloadMnist } from '../../lib/data/download.js';
import type { PinnedFile } from '../../lib/data/fetch-file.js';

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

const bodies: Record<string, Buffer> = {
  'a.gz': Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 255)),
  'b.gz': Buffer.from('the second file'),
};
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const files: PinnedFile[] = Object.entries(bodies).map(([name, body]) => ({
  name,
  bytes: body.length,
  sha256: sha256(body),
}));
const [a] = files as [PinnedFile];
const bodyA = bodies['a.gz']!;

/** Answers as a static file server does, ranges included. */
const serve: Answer = (request, response, body) => {
  const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  if (start === undefined) {
    response.writeHead(200, { 'content-length': body.length }).end(body);
  } else if (Number(start) >= body.length) {
    response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
  } else {
    response
      .writeHead(206, {
        'content-range': `bytes ${start}-${body.length - 1}/${body.length}`,
        'content-length': body.length - Number(start),
      })
      .end(body.subarray(Number(start)));
  }
};
const status =
  (code: number): Answer =>
  (_, response) =>
    void response.writeHead(code).end('no');
/** Promises the whole file, sends `length` bytes of it, and breaks the connection once they are on the client's disk. */
const breakAfter =
  (length: number): Answer =>
  (_, response, body) => {
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, length));
    const breakOff = () => {
      const part = statSync(join(directory, 'a.gz.part'), { throwIfNoEntry: false });
      if (part?.size === length) response.destroy();
      else setTimeout(breakOff, 5);
    };
    breakOff();
  };

let directory: string;
let server: Server;
let mirror: string;
/** What the server does with the requests for each file, in turn; then {@link serve}. */
let script: Record<string, Answer[]>;
let requests: { name: string; range: string | undefined }[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'convsweep-download-'));
  script = {};
  requests = [];
  server = createServer((request, response) => {
    const name = request.url!.replace('/mirror/', '');
    requests.push({ name, range: request.headers.range });
    const body = bodies[name];
    if (!body) status(404)(request, response, Buffer.alloc(0));
    else (script[name]?.shift() ?? serve)(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

const download = (options: DownloadOptions = {}, list = files) =>
  downloadFiles(directory, list, { mirror, ...options }, 1);
const contentOf = (name: string) => readFile(join(directory, name));
const failure = (code: string, ...parts: string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(
      new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')),
    ),
  });

test('wants a directory', async () => {
  await expect(downloadMnist(undefined as never)).rejects.toEqual(
    failure('INVALID_ARGUMENT', 'for directory but received undefined'),
  );
});

describe('a download', () => {
  test('gets every file, whole, under its name', async () => {
    const progress: { file: string; received: number; total: number }[] = [];
    const result = await download({ onProgress: (step) => progress.push(step) });
    expect(result).toEqual(files.map(({ name }) => ({ path: join(directory, name), downloaded: true })));
    for (const [name, body] of Object.entries(bodies)) expect(body.equals(await contentOf(name))).toBe(true);
    expect(await readdir(directory)).toEqual(['a.gz', 'b.gz']);
    const received = progress.map((step) => step.received);
    expect(received).toEqual([...received].sort((x, y) => x - y));
    expect(progress.at(0)).toEqual({ file: 'a.gz', received: 0, total: 200_015 });
    expect(progress.at(-1)).toEqual({ file: 'b.gz', received: 200_015, total: 200_015 });
  });

  test('makes the directory', async () => {
    directory = join(directory, 'new', 'folder');
    await download();
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
  });

  test('leaves alone what is there with the right checksum', async () => {
    await writeFile(join(directory, 'a.gz'), bodyA);
    const progress: number[] = [];
    const result = await download({ onProgress: ({ received }) => progress.push(received) });
    expect(result.map((file) => file.downloaded)).toEqual([false, true]);
    expect(requests).toEqual([{ name: 'b.gz', range: undefined }]);
    expect(progress[0]).toBe(200_000);
  });

  test('takes the mirror from the environment, an option before it', async () => {
    process.env.CONVSWEEP_MNIST_MIRROR = `${mirror}/`;
    try {
      await downloadFiles(directory, [a], {}, 1);
      expect(requests).toHaveLength(1);
      process.env.CONVSWEEP_MNIST_MIRROR = 'ftp://example.org/';
      await expect(downloadFiles(directory, [a])).rejects.toEqual(
        failure('INVALID_ARGUMENT', 'an http or https URL for CONVSWEEP_MNIST_MIRROR', 'ftp://example.org/'),
      );
      await expect(download()).resolves.toHaveLength(2);
    } finally {
      delete process.env.CONVSWEEP_MNIST_MIRROR;
    }
  });
});

describe('a download that is interrupted', () => {
  test('continues where the connection broke', async () => {
    script['a.gz'] = [breakAfter(50_000)];
    await download();
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
    expect(requests.slice(0, 2)).toEqual([
      { name: 'a.gz', range: undefined },
      { name: 'a.gz', range: 'bytes=50000-' },
    ]);
  });

  test('keeps what arrived for the next call', async () => {
    script['a.gz'] = [breakAfter(50_000)];
    await expect(download({ retries: 0 })).rejects.toEqual(
      failure('DOWNLOAD', `${mirror}/a.gz: the connection broke after 50000 of 200000 bytes`),
    );
    expect(await readdir(directory)).toEqual(['a.gz.part']);
    const progress: number[] = [];
    await download({ retries: 0, onProgress: ({ received }) => progress.push(received) });
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
    expect(requests[1]).toEqual({ name: 'a.gz', range: 'bytes=50000-' });
    expect(progress[0]).toBe(50_000);
  });

  test('continues a body that ends early without a declared length', async () => {
    script['a.gz'] = [(_, response, body) => void response.writeHead(200).end(body.subarray(0, 70_000))];
    await download();
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
    expect(requests[1]).toEqual({ name: 'a.gz', range: 'bytes=70000-' });
  });

  test('starts over where the server ignores the range', async () => {
    await writeFile(join(directory, 'a.gz.part'), bodyA.subarray(0, 1000));
    script['a.gz'] = [(_, response, body) => void response.writeHead(200).end(body)];
    await download();
    expect(requests[0]!.range).toBe('bytes=1000-');
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
  });

  test.each<[string, Answer]>([
    ['refuses the range', status(416)],
    [
      'answers with another range',
      (_, response, body) =>
        void response
          .writeHead(206, { 'content-range': `bytes 0-9/${body.length}` })
          .end(body.subarray(0, 10)),
    ],
  ])('starts over where the server %s', async (_, answer) => {
    await writeFile(join(directory, 'a.gz.part'), bodyA.subarray(0, 1000));
    script['a.gz'] = [answer];
    await download();
    expect(requests.slice(0, 2).map(({ range }) => range)).toEqual(['bytes=1000-', undefined]);
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
  });

  test('starts over when what an earlier call left is wrong', async () => {
    await writeFile(join(directory, 'a.gz.part'), Buffer.alloc(1000, 1));
    await download();
    expect(requests.slice(0, 2).map(({ range }) => range)).toEqual(['bytes=1000-', undefined]);
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
  });

  test('needs no request when everything has arrived', async () => {
    await writeFile(join(directory, 'a.gz.part'), bodyA);
    await download({}, [a]);
    expect(requests).toEqual([]);
    expect(await readdir(directory)).toEqual(['a.gz']);
  });

  test('stops through its signal and can be continued', async () => {
    const controller = new AbortController();
    script['a.gz'] = [
      (_, response, body) => {
        response.writeHead(200, { 'content-length': body.length });
        response.write(body.subarray(0, 30_000));
      },
    ];
    const stopped = download({
      signal: controller.signal,
      onProgress: ({ received }) => received >= 30_000 && controller.abort(),
    });
    await expect(stopped).rejects.toEqual(failure('ABORTED', `${mirror}/a.gz was stopped`));
    expect(await readdir(directory)).toEqual(['a.gz.part']);
    await download();
    expect(requests[1]!.range).toBe('bytes=30000-');
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
    await expect(download({ signal: AbortSignal.abort() })).resolves.toHaveLength(2);
    await rm(join(directory, 'a.gz'));
    await expect(download({ signal: AbortSignal.abort() })).rejects.toEqual(failure('ABORTED'));
  });
});

describe('a download that fails', () => {
  test('names URL, status and remedy of a missing file, at once', async () => {
    const missing = { name: 'c.gz', bytes: 5, sha256: sha256(Buffer.from('12345')) };
    await expect(download({}, [missing])).rejects.toEqual(
      failure(
        'DOWNLOAD',
        `${mirror}/c.gz: HTTP 404 Not Found`,
        'CONVSWEEP_MNIST_MIRROR',
        `by hand: ${join(directory, 'c.gz')}`,
      ),
    );
    expect(requests).toHaveLength(1);
    expect(await readdir(directory)).toEqual([]);
  });

  test('tries a busy server again', async () => {
    script['a.gz'] = [status(503), status(429), serve];
    await download({ retries: 2 });
    expect(bodyA.equals(await contentOf('a.gz'))).toBe(true);
    script['b.gz'] = [status(503), status(503), status(503)];
    await rm(join(directory, 'b.gz'));
    await expect(download({ retries: 2 })).rejects.toEqual(
      failure('DOWNLOAD', 'b.gz in 3 attempts: HTTP 503 Service Unavailable'),
    );
  });

  test('gives a file of the right size and wrong contents no name', async () => {
    const wrong = Buffer.alloc(200_000, 9);
    script['a.gz'] = [(_, response) => void response.writeHead(200).end(wrong)];
    await expect(download()).rejects.toEqual(
      failure(
        'DOWNLOAD',
        `${mirror}/a.gz: expected a file with sha256 ${a.sha256} but received ${sha256(wrong)}`,
      ),
    );
    expect(await readdir(directory)).toEqual([]);
    expect(requests).toHaveLength(1);
  });

  test.each<[string, Answer, string]>([
    [
      'declares another length',
      (_, r) => void r.end('<html>'),
      'a file of 200000 bytes but the server has one of 6',
    ],
    [
      'sends more than the file',
      (_, r, body) => {
        r.writeHead(200);
        r.write(body);
        r.end(body);
      },
      'expected 200000 bytes but received more',
    ],
    [
      'encodes the file',
      (_, r) => void r.writeHead(200, { 'content-encoding': 'gzip' }).end(),
      'with Content-Encoding gzip',
    ],
  ])('does not try a server again that %s', async (_, answer, message) => {
    script['a.gz'] = [answer];
    await expect(download()).rejects.toEqual(failure('DOWNLOAD', `${mirror}/a.gz: `, message));
    expect(existsSync(join(directory, 'a.gz'))).toBe(false);
    expect(requests).toHaveLength(1);
  });

  test('says why there is no answer', async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(download({ retries: 1 })).rejects.toEqual(
      failure('DOWNLOAD', `${mirror}/a.gz in 2 attempts: no answer (`, 'ECONNREFUSED'),
    );
  });

  test('never overwrites another file, and finds it before any request', async () => {
    await writeFile(join(directory, 'b.gz'), 'another data set');
    await expect(download()).rejects.toEqual(
      failure('FILE', join(directory, 'b.gz'), files[1]!.sha256, sha256(Buffer.from('another data set'))),
    );
    expect(requests).toEqual([]);
    expect(String(await contentOf('b.gz'))).toBe('another data set');
  });

  test('refuses what it cannot use', async () => {
    await expect(download({ mirror: 'example.org' })).rejects.toEqual(
      failure('INVALID_ARGUMENT', 'for mirror but received "example.org"'),
    );
    await expect(download({ retries: -1 })).rejects.toEqual(failure('INVALID_ARGUMENT', 'retries'));
    await expect(downloadMnist(directory, { mirrors: mirror } as object)).rejects.toEqual(
      failure('INVALID_ARGUMENT', 'mirrors', 'did you mean mirror?'),
    );
    await writeFile(join(directory, 'file'), '');
    directory = join(directory, 'file', 'folder');
    await expect(download()).rejects.toEqual(failure('FILE', `Cannot make the folder ${directory}`));
    directory = join(directory, '..', '..');
  });
});

test('downloadMnist asks the mirror for the files of MNIST', async () => {
  await expect(downloadMnist(directory, { mirror })).rejects.toEqual(
    failure('DOWNLOAD', `${mirror}/train-images-idx3-ubyte.gz: HTTP 404`),
  );
});
