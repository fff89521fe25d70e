// Run by npm before it packs: makes the library that is published, and puts the headers beside the rest that `npx
// convsweep build` needs. `--clean`, run after it, takes both away: where the headers are, a package is installed.
//
// The library is published as a few bundles with the declarations that users' compilers read: Node loads nearly two hundred
// small modules far slower than one file, and nobody else needs their declarations.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { headerPackages, root, run, shippedHeaders } from './cmake.mjs';

const library = join(root, 'dist', 'lib');

function npm(...args) {
  const { passed, output } = run('npm', args);
  if (passed) return;
  console.error(output);
  process.exit(1);
}

/** Bundles the modules of `dist/lib`. */
async function bundle() {
  // Loaded here: who cleans up needs no bundler.
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: library,
    entryPoints: ['index.js', 'cli/main.js'],
    outdir: '.',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    logLevel: 'warning',
    write: false,
    allowOverwrite: true,
  });
  return outputFiles;
}

/** The index's declarations, and those that they import. */
function publicDeclarations(file = join(library, 'index.d.ts'), found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g))
    publicDeclarations(join(dirname(file), `${path}.d.ts`), found);
  return found;
}

/** Leaves nothing in `dist/lib` but the bundles and the declarations. */
async function prepareLibrary() {
  npm('run', 'build:ts');
  const declarations = publicDeclarations();
  const bundles = await bundle();
  for (const entry of readdirSync(library, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !declarations.has(path)) rmSync(path);
  }
  for (const { path, contents } of bundles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
}

rmSync(shippedHeaders, { recursive: true, force: true });
rmSync(library, { recursive: true, force: true });
if (process.argv.includes('--clean')) {
  npm('run', 'build:ts');
} else {
  await prepareLibrary();
  for (const folder of headerPackages()) {
    cpSync(folder, join(shippedHeaders, basename(folder)), {
      recursive: true,
      filter: (file) => file === folder || basename(file) === 'include' || /\.h$|LICENSE/.test(file),
    });
  }
  if (!existsSync(join(root, 'prebuilds')))
    console.warn('convsweep: there are no prebuilt addons to pack; to have them: npm run prebuild');
}
