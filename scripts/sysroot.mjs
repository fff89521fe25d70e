// The headers and libraries of Debian 11 (glibc 2.31), which the addons for Linux are linked against wherever they are
// built, so that they load on older systems than that. Packages and their checksums are those of its last release.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from './cmake.mjs';

/** Debian 11 will move there; a mirror may be named. */
const MIRRORS = process.env.CONVSWEEP_DEBIAN_MIRROR
  ? [process.env.CONVSWEEP_DEBIAN_MIRROR]
  : ['http://deb.debian.org/debian', 'http://archive.debian.org/debian'];
const PACKAGES = {
  'glibc/libc6_2.31-13+deb11u11': {
    amd64: '05f7264da867b37f4c5ce49266b558ea1e81e05a9464f623152fca70f3550282',
    arm64: 'baaa9aa184e2f21738c5819055e6740cc5b22f198e3f416e33f82b40ff6933d8',
  },
  'glibc/libc6-dev_2.31-13+deb11u11': {
    amd64: 'e7f7b45d9c5cfcf37609f0b6efd3c645272c812144703af89dfd32218fcb0fd3',
    arm64: '28d478134722dcd4b0bd2045a199301d18713bf95947b9fce66634e7aeacab2e',
  },
  'linux/linux-libc-dev_5.10.223-1': {
    amd64: 'e3be603bd12377bb90fcfb0f2048ca3a81c886e49d6f09945b82159d1c54f7b2',
    arm64: '8b6374a64412d33eac61d74f77b8f932da4b8a707ea8a614791e2a35b8917618',
  },
  'gcc-10/libstdc++-10-dev_10.2.1-6': {
    amd64: '20b1f56863dcc5f187d6cb53b2aa6149bd013be4ec67e10c2c31a22fda619a01',
    arm64: 'cee7ca63613b50a8a51cc670db385c7e6d1181b72c94148fc8b7992e4570782d',
  },
  'gcc-10/libgcc-10-dev_10.2.1-6': {
    amd64: '3b711374092b84e732c4e73cf33e02cff02e34a5f105eb6467de8d9038e4cd9d',
    arm64: '80fc73d339ada2e194175afe83cd89014565242153b6e3c2128849d8817da367',
  },
  'gcc-10/libgcc-s1_10.2.1-6': {
    amd64: 'e478f2709d8474165bb664de42e16950c391f30eaa55bc9b3573281d83a29daf',
    arm64: 'e2fcdb378d3c1ad1bcb64d4fb6b37aab44011152beca12a4944f435a2582df1f',
  },
};

/** @throws Error where a file cannot be had from any mirror, or is another one */
export async function download(path, sha256) {
  const problems = [];
  for (const mirror of MIRRORS) {
    try {
      const response = await fetch(`${mirror}/pool/main/${path}`);
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      const received = createHash('sha256').update(bytes).digest('hex');
      if (received !== sha256) throw new Error(`expected SHA-256 ${sha256} but received ${received}`);
      return bytes;
    } catch (error) {
      problems.push(`${mirror}/pool/main/${path}: ${error.cause?.message ?? error.message}`);
    }
  }
  throw new Error(
    `${problems.join('\n')}\nAnother mirror of Debian: CONVSWEEP_DEBIAN_MIRROR=http://host/debian npm run prebuild`,
  );
}

/** Links to absolute paths would lead out of the folder. */
function keepLinksWithin(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = join(entry.parentPath ?? entry.path, entry.name);
    const target = readlinkSync(link);
    if (!target.startsWith('/')) continue;
    rmSync(link);
    symlinkSync(relative(dirname(link), join(folder, target)), link);
  }
}

/** Unpacks packages of Debian, given with their checksums, into a folder. */
export async function unpack(packages, architecture, folder) {
  for (const [name, sums] of Object.entries(packages)) {
    const file = join(folder, 'package.deb');
    writeFileSync(file, await download(`${name[0]}/${name}_${architecture}.deb`, sums[architecture]));
    const { status, stderr, error } = spawnSync('dpkg-deb', ['-x', file, folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`dpkg-deb: ${error?.message ?? stderr}`);
    rmSync(file);
  }
  keepLinksWithin(folder);
}

/** A folder among those with other systems, which `fill` fills where it is not there. */
export async function madeOnce(name, fill) {
  const folder = join(root, 'build', 'sysroots', name);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}-`);
  try {
    await fill(partial);
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/** The folder with Debian 11 for `architecture`, `amd64` or `arm64`, which is made if it is not there. */
export const sysroot = (architecture) =>
  madeOnce(architecture, (folder) => unpack(PACKAGES, architecture, folder));
