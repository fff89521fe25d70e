// Checks that the folders of lib/ import only from those before them, so that no circle can come about: the order of
// docs/architecture.md.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const lib = fileURLToPath(new URL('../lib', import.meta.url));
const GROUND = '';
const ORDER = [GROUND, 'python', 'data', 'native', 'architecture', 'formats', 'training', 'model', 'sweep'];
ORDER.push('report', 'watch', 'cli');

/** The folder that a file below lib/ is in; the ground floor has none. */
function folderOf(path) {
  const parts = path.split(sep);
  return parts.length > 1 ? parts[0] : GROUND;
}

const wrong = [];
const files = readdirSync(lib, { recursive: true }).filter((name) => name.endsWith('.ts'));
// What users import, and so imports all.
for (const file of files.filter((name) => name !== 'index.ts')) {
  const source = readFileSync(join(lib, file), 'utf8');
  for (const [, path] of source.matchAll(/(?:from |import |import\()'(\.[^']+)'/g)) {
    const imported = relative(lib, normalize(join(lib, dirname(file), path)));
    const [own, other] = [folderOf(file), folderOf(imported)];
    for (const folder of [own, other]) {
      if (!ORDER.includes(folder))
        wrong.push(`lib/${folder} has no place in the order of ${import.meta.filename}`);
    }
    if (ORDER.indexOf(other) > ORDER.indexOf(own)) wrong.push(`lib/${file} imports lib/${imported}`);
  }
}
if (wrong.length > 0) {
  console.error(
    `Imports against the order of lib's folders (docs/architecture.md):\n${[...new Set(wrong)].join('\n')}`,
  );
  process.exit(1);
}
