import { execFileSync } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { draftIn, makeFolder, readIfThere, readWhole, writerOfDraft, writeWhole } from '../../lib/files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const fileError = (message: string) =>
  expect.objectContaining({ code: 'FILE', message: expect.stringContaining(message) });

describe('writeWhole', () => {
  test('writes text and bytes, and replaces what is there', async () => {
    const path = join(folder, 'file');
    await writeWhole(path, 'ä');
    expect(await readFile(path, 'utf8')).toBe('ä');
    await writeWhole(path, new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
    expect([...(await readFile(path))]).toEqual([2, 3]);
    await writeWhole(path, '');
    expect((await stat(path)).size).toBe(0);
    expect(await readdir(folder)).toEqual(['file']);
  });

  test('keeps the mode of the file, and follows a symbolic link', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'old');
    await chmod(path, 0o640);
    await mkdir(join(folder, 'elsewhere'));
    await symlink(path, join(folder, 'elsewhere', 'link'));
    await writeWhole(join(folder, 'elsewhere', 'link'), 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readdir(join(folder, 'elsewhere'))).toEqual(['link']);
  });

  test('writes what a symbolic link names that is not there yet', async () => {
    await mkdir(join(folder, 'real/inner'), { recursive: true });
    await symlink(join(folder, 'real/inner'), join(folder, 'linked'));
    await symlink('../second', join(folder, 'linked/first'));
    await symlink('target', join(folder, 'real/second'));
    await writeWhole(join(folder, 'linked/first'), 'new');
    expect(await readFile(join(folder, 'real/target'), 'utf8')).toBe('new');
    expect((await lstat(join(folder, 'linked/first'))).isSymbolicLink()).toBe(true);
    expect((await readdir(join(folder, 'real'))).sort()).toEqual(['inner', 'second', 'target']);
  });

  test('names the folder that is missing of what a symbolic link names', async () => {
    await symlink('missing/file', join(folder, 'link'));
    await expect(writeWhole(join(folder, 'link'), 'x')).rejects.toEqual(
      fileError(`mkdir -p ${join(folder, 'missing')}`),
    );
    await symlink('round', join(folder, 'round'));
    await expect(writeWhole(join(folder, 'round'), 'x')).rejects.toEqual(fileError('ELOOP'));
  });

  test('does not replace what is no file', async () => {
    await expect(writeWhole(folder, 'x')).rejects.toEqual(fileError(`Cannot write ${folder}: it is there`));
    await expect(writeWhole('/dev/null', 'x')).rejects.toEqual(fileError('no file'));
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  test('names the folder that is missing', async () => {
    const path = join(folder, 'missing', 'file');
    await expect(writeWhole(path, 'x')).rejects.toEqual(fileError(`mkdir -p ${join(folder, 'missing')}`));
  });

  test.each([300, 0])('leaves the old file when the disk takes only %d blocks', async (blocks) => {
    const path = join(folder, 'model.h5');
    await writeFile(path, 'the old model');
    // A limit on the size of files is to a process what a nearly full disk is: the write that reaches it takes a part.
    const script = `
      import { writeWhole } from ${JSON.stringify(new URL('../../lib/files.js', import.meta.url).href)};
      await writeWhole(process.argv[1], Buffer.alloc(728_072, 1)).then(
        () => console.log('resolved'),
        (error) => console.log(error.code, error.cause.code, error.message),
      );`;
    const output = execFileSync(
      'bash',
      [
        '-c',
        'ulimit -f "$0" && exec "$1" --input-type=module -e "$2" "$3"',
        String(blocks),
        process.execPath,
        script,
        path,
      ],
      { encoding: 'utf8' },
    );
    expect(output).toContain(`FILE EFBIG Cannot write ${path}`);
    expect(await readFile(path, 'utf8')).toBe('the old model');
    expect(await readdir(folder)).toEqual(['model.h5']);
  });

  test('of writes at the same time one wins as a whole', async () => {
    const path = join(folder, 'file');
    await Promise.all(['a', 'b', 'c', 'd'].map((letter) => writeWhole(path, letter.repeat(100_000))));
    expect(await readFile(path, 'utf8')).toMatch(/^(a{100000}|b{100000}|c{100000}|d{100000})$/);
    expect(await readdir(folder)).toEqual(['file']);
  });
});

describe('readWhole', () => {
  test('reads files of any length, also of ones that tell none', async () => {
    for (const length of [0, 1, 4095, 4096, 4097, 1_000_000]) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 255));
      await writeFile(join(folder, 'file'), bytes);
      expect(bytes.equals(await readWhole(join(folder, 'file')))).toBe(true);
    }
    expect((await readWhole('/proc/self/status')).toString('utf8')).toMatch(
      /^Name:(.|\n)*ctxt_switches:\s+\d+\n$/,
    );
  });

  test('fails with the file, what the system says and the remedy', async () => {
    const missing = join(folder, 'missing');
    await expect(readWhole(missing, 'make it')).rejects.toEqual(
      fileError(`Cannot read ${missing}: ENOENT: no such file or directory, open '${missing}'; make it`),
    );
    await expect(readWhole(folder)).rejects.toEqual(fileError(`Cannot read ${folder}: EISDIR`));
  });

  test('gives nothing for what is missing where that is no failure', async () => {
    await writeFile(join(folder, 'file'), 'x');
    expect(await readIfThere(join(folder, 'missing'))).toBeUndefined();
    expect(await readIfThere(join(folder, 'file', 'inner'))).toBeUndefined();
    expect(String(await readIfThere(join(folder, 'file')))).toBe('x');
    await expect(readIfThere(folder)).rejects.toEqual(fileError(`Cannot read ${folder}: EISDIR`));
  });

  test('holds a file once', async () => {
    await writeFile(join(folder, 'file'), Buffer.alloc(1_000_000, 7));
    const allocate = jest.spyOn(Buffer, 'allocUnsafe');
    await readWhole(join(folder, 'file'));
    const sizes = allocate.mock.calls.map(([size]) => size);
    allocate.mockRestore();
    expect(sizes).toEqual([1_000_001]);
  });

  test('asks for less than the 2 GiB at which Node.js ends the process', async () => {
    await writeFile(join(folder, 'file'), 'x');
    const handle = await open(join(folder, 'file'));
    const stats = await handle.stat();
    await handle.close();
    const prototype = Object.getPrototypeOf(handle);
    // The memory is not touched, so that nothing like as much is taken.
    const stat = jest.spyOn(prototype, 'stat').mockResolvedValue({ ...stats, size: 2 ** 31 } as never);
    const read = jest.spyOn(prototype, 'read');
    expect(String(await readWhole(join(folder, 'file')))).toBe('x');
    for (const [, , length] of read.mock.calls) expect(length).toBeLessThan(2 ** 31);
    stat.mockRestore();
    read.mockRestore();
  });
});

test('drafts can be told from other files', () => {
  expect(writerOfDraft(draftIn(folder).slice(folder.length + 1))).toBe(process.pid);
  expect(writerOfDraft('model_2.h5')).toBeUndefined();
  expect(writerOfDraft('.convsweep-notes.draft')).toBeUndefined();
});

describe('makeFolder', () => {
  test('makes folders, of which some may be there', async () => {
    await makeFolder(join(folder, 'a', 'b'));
    await Promise.all([
      makeFolder(join(folder, 'a', 'b', 'c')),
      makeFolder(join(folder, 'a', 'b', 'c', 'd')),
    ]);
    await makeFolder(join(folder, 'a'));
    expect((await stat(join(folder, 'a', 'b', 'c', 'd'))).isDirectory()).toBe(true);
  });

  test('ends where no folder can be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(makeFolder(join(folder, 'file'))).rejects.toEqual(fileError('no folder'));
    await expect(makeFolder(join(folder, 'file', 'inner'))).rejects.toEqual(
      fileError('Cannot make the folder'),
    );
    await expect(makeFolder('/proc/convsweep/runs')).rejects.toEqual(
      fileError('Cannot make the folder /proc/convsweep/runs'),
    );
  });
});
