import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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

  test('follows a symbolic link to a file that is not there yet', async () => {
    await mkdir(join(folder, 'elsewhere'));
    await symlink('elsewhere/file', join(folder, 'link'));
    await writeWhole(join(folder, 'link'), 'new');
    expect(await readFile(join(folder, 'elsewhere', 'file'), 'utf8')).toBe('new');
    await symlink('missing/file', join(folder, 'lost'));
    await expect(writeWhole(join(folder, 'lost'), 'x')).rejects.toEqual(
      fileError(`mkdir -p ${join(folder, 'missing')}`),
    );
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

  test('fails as the system says', async () => {
    const missing = join(folder, 'missing');
    await expect(readWhole(missing, 'make it')).rejects.toEqual(fileError(`Cannot read ${missing}: ENOENT`));
    await expect(readWhole(missing, 'make it')).rejects.toEqual(fileError('; make it'));
    await expect(readWhole(folder)).rejects.toEqual(fileError('EISDIR'));
    expect(await readIfThere(missing)).toBeUndefined();
    await expect(readIfThere(folder)).rejects.toEqual(fileError('EISDIR'));
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
