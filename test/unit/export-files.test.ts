import { readlinkSync } from 'node:fs';
import { type FileHandle, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { layers } from '../../lib/architecture/layers.js';
import { writerOfDraft } from '../../lib/files.js';
import { EXPORT_FORMATS, exportModel } from '../../lib/formats/export.js';
import { writeTfjsFolder } from '../../lib/formats/tfjs-folder.js';
import { Model, sequential } from '../../lib/model/model.js';
import { libraryUrl, runCli, runNode } from '../system/run-node.js';

let folder: string;
let model: Model;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convsweep-export-'));
  const specs = [layers.flatten(), layers.dense({ units: 2, activation: 'softmax' })];
  model = sequential(specs, { inputShape: [2, 2, 1], device: 'cpu' });
});
afterEach(async () => {
  model.dispose();
  await rm(folder, { recursive: true });
});

const named = (format: string) => join(folder, format === 'tfjs' ? 'web' : `model.${format}`);

describe('exportModel', () => {
  test.each(EXPORT_FORMATS)(
    '%s: leaves nothing but the result, and replaces an earlier one',
    async (format) => {
      await exportModel(model, format, named(format));
      expect(await readdir(folder)).toEqual([format === 'tfjs' ? 'web' : `model.${format}`]);
      const read = () =>
        readFile(format === 'tfjs' ? join(named(format), 'group1-shard1of1.bin') : named(format));
      const before = await read();
      model.setWeights(
        model.getWeights().map((weight) => ({ ...weight, data: weight.data.map((x) => x + 1) })),
      );
      await exportModel(model, format, named(format));
      expect((await read()).equals(before)).toBe(false);
      expect(await readdir(folder)).toHaveLength(1);
    },
  );

  test.each(EXPORT_FORMATS)('%s: a missing folder is named with its remedy', async (format) => {
    const path = join(folder, 'none', `model.${format}`);
    await expect(exportModel(model, format, path)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(`mkdir -p ${join(folder, 'none')}`),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test.each(EXPORT_FORMATS)('%s: what is no file or no folder stays', async (format) => {
    const path = named(format);
    if (format === 'tfjs') await writeFile(path, 'mine');
    else await mkdir(path);
    await expect(exportModel(model, format, path)).rejects.toMatchObject({ code: 'FILE' });
    expect(await readdir(folder)).toHaveLength(1);
  });

  test.each([
    ['another file', { 'notes.txt': 'mine' }],
    ['a model of TensorFlow.js that is not ours', { 'model.json': '{"generatedBy": "keras v2.8.0"}' }],
    ['model.json that is no JSON', { 'model.json': 'mine' }],
    [
      'an export of ours with another file',
      { 'model.json': '{"generatedBy": "convsweep 1.0.0"}', README: 'mine' },
    ],
  ])('a folder with %s is not replaced', async (_, files) => {
    const path = named('tfjs');
    await mkdir(path);
    for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
    await expect(exportModel(model, 'tfjs', path)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(`${path} holds something else than an earlier export`),
    });
    expect((await readdir(path)).sort()).toEqual(Object.keys(files).sort());
    expect(await readdir(folder)).toEqual(['web']);
  });

  test('an empty folder is filled', async () => {
    await mkdir(named('tfjs'));
    await exportModel(model, 'tfjs', `${named('tfjs')}/`);
    expect((await readdir(named('tfjs'))).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
    expect(await readdir(folder)).toEqual(['web']);
  });

  test('a folder that a killed process moved away is there again after the next export', async () => {
    await exportModel(model, 'tfjs', named('tfjs'));
    // The second renaming puts the new folder in place of the one that the first moved away.
    const script = `
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      const { rename } = fs;
      const path = ${JSON.stringify(named('tfjs'))};
      fs.rename = async (from, to) => {
        if (to === path) process.kill(process.pid, 'SIGKILL');
        return rename(from, to);
      };
      syncBuiltinESMExports();
      const { writeTfjsFolder } = await import(${libraryUrl('formats/tfjs-folder')});
      await writeTfjsFolder(path, new Map([['model.json', new Uint8Array(1)]]));`;
    const { signal } = await runNode(['--input-type=module', '-e', script]);
    expect(signal).toBe('SIGKILL');
    expect(await readdir(folder)).not.toContain('web');
    const isDraft = (name: string) => writerOfDraft(name) !== undefined;
    // One that fails brings the earlier folder back.
    const files = new Map([['none/model.json', new Uint8Array(1)]]);
    await expect(writeTfjsFolder(named('tfjs'), files)).rejects.toMatchObject({ code: 'FILE' });
    expect((await readdir(folder)).filter((name) => !isDraft(name))).toEqual(['web']);
    expect((await readdir(named('tfjs'))).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
    await exportModel(model, 'tfjs', named('tfjs'));
    expect((await readdir(folder)).filter((name) => !isDraft(name))).toEqual(['web']);
  });

  test('the earlier folder goes also when a killed process or a failure to sync left it', async () => {
    await exportModel(model, 'tfjs', named('tfjs'));
    await mkdir(join(folder, '.convsweep-web.old'));
    await exportModel(model, 'tfjs', named('tfjs'));
    expect(await readdir(folder)).toEqual(['web']);

    const handle = await open(folder);
    await handle.close();
    const prototype = Object.getPrototypeOf(handle);
    const { sync: original } = prototype;
    const sync = jest.spyOn(prototype, 'sync').mockImplementation(function (this: FileHandle) {
      if (readlinkSync(`/proc/self/fd/${this.fd}`) !== folder) return original.call(this);
      return Promise.reject(new Error('EIO'));
    } as never);
    const exporting = exportModel(model, 'tfjs', named('tfjs'));
    await expect(exporting).rejects.toMatchObject({ code: 'FILE', message: expect.stringContaining('EIO') });
    sync.mockRestore();
    expect(await readdir(folder)).toEqual(['web']);
  });

  test('arguments that are wrong', async () => {
    const cases: [unknown, unknown, string][] = [
      [
        'tflite',
        'model.tflite',
        '"keras" or "tfjs" or "onnx" or "safetensors" for format but received "tflite"',
      ],
      ['onnx', 'model.h5', 'a name ending in .onnx for path but received'],
      ['keras', 'model.h5', 'a name ending in .keras for path'],
      ['safetensors', 'model', 'a name ending in .safetensors for path'],
    ];
    for (const [format, name, message] of cases) {
      await expect(exportModel(model, format as never, join(folder, name as string))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      });
    }
    for (const path of ['', undefined]) {
      await expect(exportModel(model, 'tfjs', path as never)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('convsweep export', () => {
  const run = (...args: string[]) => runCli(['export', ...args]);

  test.each([
    ['keras', 'keras.models.load_model'],
    ['tfjs', 'tf.loadLayersModel'],
    ['onnx', 'onnxruntime.InferenceSession'],
    ['safetensors', 'safetensors.numpy.load_file'],
  ])('--to %s says what opens the result', async (format, opener) => {
    const source = join(folder, 'source.h5');
    await model.save(source);
    const { stdout } = await run(source, named(format), '--to', format);
    expect(stdout).toContain(`open it with ${opener}('${named(format)}`);
    const json = await run(source, named(format), '--to', format, '--json');
    expect(JSON.parse(json.stdout)).toEqual({ model: source, format, out: named(format) });
  });

  test('takes .keras files too', async () => {
    const source = join(folder, 'source.keras');
    await model.save(source);
    await run('--to', 'keras', source, named('keras'));
    using again = await Model.load(named('keras'), { device: 'cpu' });
    expect(again.getWeights()).toEqual(model.getWeights());
  });

  test('wrong usage', async () => {
    expect(await run('a.h5', 'b.onnx')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("required option '--to <format>' not specified"),
    });
    expect(await run('a.h5', 'b.pb', '--to', 'pb')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('for --to but received "pb"'),
    });
    expect(await run(join(folder, 'none.h5'), 'b.onnx', '--to', 'onnx')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('none.h5'),
    });
  });
});
