import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { strToU8, zipSync } from 'fflate';
import { crc32 } from '../../lib/crc32.js';
import { ZipFile } from '../../lib/formats/zip-reader.js';
import { fixtures } from '../golden.js';

const TEXT = strToU8('0123456789'.repeat(1000));
const files = { 'a.txt': TEXT, 'b/c.bin': Uint8Array.of(1, 2, 3), empty: new Uint8Array(0) };

/** Where the directory's entry of member `index` begins. */
function entry(zip: Buffer, index: number): number {
  let at = -1;
  for (let i = 0; i <= index; i++) at = zip.indexOf('PK\x01\x02', at + 1, 'latin1');
  return at;
}

describe('ZipFile', () => {
  test.each([0, 9] as const)('reads what was packed at level %i', (level) => {
    const zip = new ZipFile(zipSync(files, { level }));
    for (const [name, content] of Object.entries(files)) {
      expect(zip.read(name, 10_000).equals(content)).toBe(true);
    }
  });

  test('reads past a comment at the end', () => {
    const plain = Buffer.from(zipSync(files));
    plain.writeUInt16LE(30, plain.length - 2);
    const zip = new ZipFile(
      Buffer.concat([plain, Buffer.from('a comment with PK\x05\x06 inside it.'.slice(0, 30))]),
    );
    expect(zip.read('a.txt', 10_000).length).toBe(10_000);
  });

  test('reads a member that is followed by its size (a data descriptor)', () => {
    const zip = Buffer.from(zipSync(files, { level: 9 }));
    // What a writer that cannot go back leaves in the local header.
    zip.writeUInt16LE(0x0008, 6);
    zip.fill(0, 14, 26);
    expect(new ZipFile(zip).read('a.txt', 10_000).equals(TEXT)).toBe(true);
  });

  test.each([0, 9] as const)('tells any changed bit of a member packed at level %i', (level) => {
    const whole = Buffer.from(zipSync({ a: TEXT.subarray(0, 200) }, { level }));
    const end = entry(whole, 0);
    let refused = 0;
    for (let bit = 8 * 31; bit < 8 * end; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      try {
        // Some bits of deflated data mean nothing.
        expect(new ZipFile(damaged).read('a', 200).equals(TEXT.subarray(0, 200))).toBe(true);
      } catch (error) {
        expect((error as Error).message).toMatch(/^a (is damaged|has \d+ bytes instead of 200)/);
        refused++;
      }
    }
    expect(refused / (8 * (end - 31))).toBeGreaterThan(0.9);
  });

  test.each<[string, (zip: Buffer) => void, string]>([
    [
      'another checksum',
      (zip) => zip.writeUInt32LE(7, entry(zip, 0) + 16),
      'a.txt is damaged (its CRC-32 differs)',
    ],
    [
      'a larger size',
      (zip) => zip.writeUInt32LE(10_001, entry(zip, 0) + 24),
      'a.txt has 10000 bytes instead of 10001',
    ],
    ['a smaller size', (zip) => zip.writeUInt32LE(9999, entry(zip, 0) + 24), 'a.txt is damaged'],
    [
      'a size that nobody needs',
      (zip) => zip.writeUInt32LE(0xfffffffe, entry(zip, 0) + 24),
      'a.txt is said to have 4294967294 bytes, more than the 20000 that it can need',
    ],
    ['a size for zip64', (zip) => zip.writeUInt32LE(0xffffffff, entry(zip, 0) + 24), 'it is a zip64 file'],
    ['encryption', (zip) => zip.writeUInt16LE(1, entry(zip, 0) + 8), 'a.txt is encrypted'],
    ['another method', (zip) => zip.writeUInt16LE(12, entry(zip, 0) + 10), 'compressed with method 12'],
    ['another place', (zip) => zip.writeUInt32LE(1, entry(zip, 0) + 42), 'no "a.txt" at byte 1'],
    [
      'a place after the end',
      (zip) => zip.writeUInt32LE(1e6, entry(zip, 0) + 42),
      'no "a.txt" at byte 1000000',
    ],
    [
      "another member's place",
      (zip) => zip.writeUInt32LE(zip.indexOf('PK\x03\x04', 1), entry(zip, 0) + 42),
      'another name',
    ],
    [
      'a packed size after the end',
      (zip) => zip.writeUInt32LE(1e6, entry(zip, 0) + 20),
      '"a.txt" is cut short',
    ],
    [
      'another name of a member that is not read',
      (zip) => zip.write('B', zip.lastIndexOf('b/c.bin')),
      'another name where "B/c.bin" is',
    ],
    ['a directory elsewhere', (zip) => zip.writeUInt32LE(5, zip.length - 6), '0 of 3 entries'],
    ['more entries', (zip) => zip.writeUInt16LE(4, zip.length - 12), '3 of 4 entries'],
    ['fewer entries', (zip) => zip.writeUInt16LE(2, zip.length - 12), 'a directory of another length'],
    ['no end', (zip) => zip.fill(0, zip.length - 22, zip.length - 18), 'no directory at its end'],
  ])('refuses a file with %s', (_, change, message) => {
    const zip = Buffer.from(zipSync(files, { level: 9 }));
    change(zip);
    expect(() => new ZipFile(zip).read('a.txt', 20_000)).toThrow(message);
    expect(() => new ZipFile(zip).read('a.txt', 20_000)).toThrow(
      expect.objectContaining({ code: 'INVALID_MODEL' }),
    );
  });

  test('refuses two members of one name', () => {
    const zip = Buffer.from(zipSync({ name1: TEXT, name2: TEXT }));
    for (let at = zip.indexOf('name2'); at >= 0; at = zip.indexOf('name2', at)) zip.write('name1', at);
    expect(() => new ZipFile(zip)).toThrow('it has two members "name1"');
  });

  test('refuses what it does not have, and anything else than a zip file', async () => {
    expect(() => new ZipFile(zipSync(files)).read('none', 1)).toThrow('it is a zip file without none');
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(21),
      await readFile(join(fixtures, 'keras3', 'model.h5')),
    ]) {
      expect(() => new ZipFile(bytes)).toThrow('it is not a zip file, or damaged (no directory at its end)');
    }
  });
});

test("crc32 is zip's", () => {
  expect(crc32(strToU8('123456789'))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
});
