// Run by npm before it packs: compiles, and puts the headers beside the rest that `npx convsweep build` needs.
// `--clean`, run after it, takes them away: where they are, a package is installed.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { headerPackages, root, run, shippedHeaders } from './cmake.mjs';

rmSync(shippedHeaders, { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  // Without what `dist` may still have of sources that are gone.
  rmSync(join(root, 'dist', 'lib'), { recursive: true, force: true });
  const { passed, output } = run('npm', ['run', 'build:ts']);
  if (!passed) {
    console.error(output);
    process.exit(1);
  }
  const packages = headerPackages();
  for (const folder of packages) {
    cpSync(folder, join(shippedHeaders, basename(folder)), {
      recursive: true,
      filter: (file) => file === folder || basename(file) === 'include' || /\.h$|LICENSE/.test(file),
    });
  }
  if (!existsSync(join(root, 'prebuilds')))
    console.warn('convsweep: there are no prebuilt addons to pack; to have them: npm run prebuild');
}
