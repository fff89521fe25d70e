// Compares the names of the native contract, lib/native/contract.ts, with those that native/addon registers, reads and
// writes. A compiler sees only one side of them each: a field that is renamed on one side would be missing on the other.
//
// Both sides are read as text, by what formatting guarantees: a TypeScript member is indented by two spaces, and a C++
// function ends with the first brace in the first column.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const textOf = (path) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
const contract = textOf('lib/native/contract.ts');
const addon = (file) => textOf(`native/addon/${file}.cc`);

const unique = (names) => [...new Set(names)].sort();
const all = (text, pattern) => unique([...text.matchAll(pattern)].map((match) => match[1]));

/** The part of `text` from the one place where `begin` is to the next `end`. */
function part(text, begin, end) {
  const pieces = text.split(begin);
  if (pieces.length !== 2 || !pieces[1].includes(end)) {
    throw new Error(
      `check-contract: expected "${begin}" once, with an end; adapt scripts/check-contract.mjs`,
    );
  }
  return pieces[1].slice(0, pieces[1].indexOf(end));
}

/** The members of an interface of the contract, without those that it inherits. */
const members = (name) => {
  const [, body] = part(contract, `export interface ${name} `, '\n}').split(/^(?:extends \w+ )?\{/);
  return all(body, /^ {2}(?:readonly )?(\w+)\??[:(]/gm);
};
/** The names in the strings of a union of the contract. */
const strings = (begin) => all(part(contract, begin, ';'), /'([^']+)'/g);
const body = (file, begin) => part(addon(file), begin, '\n}');

/** Fields that C++ reads: `object.Get("name")`, or through one of the readers' short forms. */
const read = (text) => all(text, /\b(?:Get|of|field)\("(\w+)"\)/g);
/** Fields that C++ writes. */
const written = (text) => all(text, /\bSet\("(\w+)"/g);
const methods = (file) => all(addon(file), /InstanceMethod<[^"]*>\("(\w+)"\)/g);
const counts = all(addon('network'), /\{"(\w+Count)", plan\./g).concat(
  all(addon('network'), /pair\{"(\w+Count)", plan\./g),
);

const pairs = [
  ['NativeAddon', members('NativeAddon'), all(addon('addon'), /exports\.Set\("(\w+)"/g)],
  ['NativeBuildInfo', members('NativeBuildInfo'), written(body('addon', 'Napi::Value buildInfo('))],
  ['NativeDevice', members('NativeDevice'), written(body('addon', 'Napi::Value devices('))],
  ['NativeDataset', members('NativeDataset'), methods('dataset')],
  [
    'NativeDatasetOptions',
    members('NativeDatasetOptions'),
    read(body('dataset', 'void DatasetHandle::create(')),
  ],
  ['NativeNetwork', members('NativeNetwork'), unique([...methods('network'), ...counts])],
  [
    'NativeNetworkOptions',
    members('NativeNetworkOptions'),
    read(body('network', 'void NetworkHandle::create(')),
  ],
  ['NativeLayer', members('NativeLayer'), read(body('values', 'Layer layerFrom('))],
  ['NativeAdam', members('NativeAdam'), read(body('values', 'Adam adamFrom('))],
  ['NativeMetrics', members('NativeMetrics'), written(body('network', 'Napi::Object toObject('))],
  [
    'NativeProgress',
    unique([...members('NativeMetrics'), ...members('NativeProgress')]),
    written(body('network', 'Napi::Value NetworkHandle::progress(')),
  ],
  [
    'NativeGradients',
    members('NativeGradients'),
    written(body('network', 'Napi::Value NetworkHandle::gradients(')),
  ],
  [
    'NativeState, written',
    members('NativeState'),
    written(body('network', 'Napi::Value NetworkHandle::readState(')),
  ],
  ['NativeState, read', members('NativeState'), read(body('network', 'void NetworkHandle::writeState('))],
  [
    'NativePrecision',
    strings('export type NativePrecision ='),
    all(body('values', 'const char* nameOf('), /"(\w+)"/g),
  ],
  ["NativeLayer's types", strings('type:\n'), all(textOf('native/engine/check.cc'), /type == "(\w+)"/g)],
  [
    "NativeLayer's activations",
    strings('activation?:'),
    all(textOf('native/engine/check.cc'), /activation == "(\w+)"/g),
  ],
];

let failed = false;
for (const [name, inTypeScript, inCpp] of pairs) {
  const lacks = (names, others) => names.filter((one) => !others.includes(one));
  const differences = [
    ...lacks(inTypeScript, inCpp).map((one) => `C++ lacks ${one}`),
    ...lacks(inCpp, inTypeScript).map((one) => `TypeScript lacks ${one}`),
    ...(inTypeScript.length === 0 ? ['nothing was found'] : []),
  ];
  for (const difference of differences) console.error(`lib/native/contract.ts: ${name}: ${difference}`);
  failed ||= differences.length > 0;
}
process.exitCode = failed ? 1 : 0;
