// Images under the official names that deploy/ asks for, made of what this machine has: its Node and shell, its
// nats-server, the trace collector of the tests. For machines that cannot pull. An image that exists is
// used as it is, and none that was not made here is ever removed. The names are read from deploy/, so that a
// stand-in for another version than the one asked for cannot come about.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, root } from './process.mjs';

/** The newest Node of the wanted line that npm's registry has as a package, by its major number. */
const NODE_PACKAGES = { 24: '24.21.0' };
const BUILD_END_MS_LIMIT = 20_000;
const BUILD_POLL_MS = 250;
/** What `RUN` lines, npm and the results directory's container call. */
const PROGRAMS = ['sh', 'env', 'chmod', 'mkdir', 'cat', 'ls'];

/** The official images that the deployment is made of, by what they are for. */
export function readImageNames() {
  const dockerfile = readFileSync(path.join(root, 'deploy/Dockerfile'), 'utf8');
  const compose = readFileSync(path.join(root, 'deploy/compose.yaml'), 'utf8');
  return {
    node: `node:${find(dockerfile, /^ARG NODE_VERSION=(\S+)$/m)}-bookworm-slim`,
    nats: find(compose, /^\s+image: (nats:\S+)$/m),
    jaeger: find(compose, /^\s+image: (jaegertracing\/\S+)$/m),
  };
}

function find(text, pattern) {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`deploy/ no longer holds ${pattern}`);
  return found;
}

/**
 * Makes stand-ins, each unless its image exists. `run(command, args)` resolves with what a program printed, and so does
 * `clean`, which is not ended when the rest is; `folder` is for files on the way.
 */
export class StandIns {
  #run;
  #clean;
  #folder;
  /** Names of the images that were made here. */
  #made = [];

  constructor({ run, clean, folder }) {
    this.#run = run;
    this.#clean = clean;
    this.#folder = folder;
  }

  /** The base of our own image. Answers what it is made of. */
  node(name) {
    return this.#make(name, async (folder) => {
      const { file, version } = await this.#fetchNode(Number(/:(\d+)/.exec(name)?.[1]));
      const image = path.join(folder, 'root');
      copyProgram(image, file, '/usr/local/bin/node');
      for (const program of PROGRAMS) copyProgram(image, realpathSync(findProgram(program)), `/bin/${program}`);
      copyNpm(image);
      writeText(image, '/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
      writeText(image, '/etc/group', 'root:x:0:\nnode:x:1000:\n');
      for (const place of ['root', 'home/node', 'tmp']) mkdirSync(path.join(image, place), { recursive: true });
      chmodSync(path.join(image, 'tmp'), 0o1777);
      const settings = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...npmSettings(image)];
      const lines = ['FROM scratch', 'COPY root/ /', ...settings.map((setting) => `ENV ${setting}`), 'CMD ["node"]'];
      writeFileSync(path.join(folder, 'Dockerfile'), `${lines.join('\n')}\n`);
      return `Node ${version} and this machine's shell and npm`;
    });
  }

  /** The message bus: this machine's nats-server. */
  nats(name) {
    return this.#make(name, async (folder) => {
      const server = findProgram('nats-server');
      if (server === null) throw new Error('nats-server is not installed (Debian: apt-get install nats-server)');
      copyProgram(path.join(folder, 'root'), realpathSync(server), '/nats-server');
      writeFileSync(path.join(folder, 'Dockerfile'), 'FROM scratch\nCOPY root/ /\nENTRYPOINT ["/nats-server"]\n');
      return (await this.#run(server, ['--version'])).trim();
    });
  }

  /** The trace collector of the tests on top of our own image, which must have been built. */
  jaeger(name, ownImage) {
    return this.#make(name, async (folder) => {
      const standIn = 'dist/test/support';
      cpSync(path.join(root, standIn), path.join(folder, standIn), { recursive: true });
      const entry = [`${standIn}/jaeger-stand-in-main.js`];
      const lines = [
        `FROM ${ownImage}`,
        // As Jaeger's own image has it.
        'ENV JAEGER_LISTEN_HOST=0.0.0.0',
        `COPY ${standIn} ${standIn}`,
        'HEALTHCHECK NONE',
        `CMD ${JSON.stringify(entry)}`,
      ];
      writeFileSync(path.join(folder, 'Dockerfile'), `${lines.join('\n')}\n`);
      return 'the collector of test/support';
    });
  }

  /** Removes what was made here, and before it `ownImage` with all that was built on the way to it. */
  async remove(ownImage) {
    for (const name of this.#made) await this.#untilUnused(name);
    await this.#removeImages([...(await this.#findBuildStages()), ownImage, ...this.#made.reverse()]);
    this.#made = [];
  }

  /** The daemon takes a moment to clear up after a build that was interrupted. */
  async #untilUnused(name) {
    const endMs = performance.now() + BUILD_END_MS_LIMIT;
    const args = ['ps', '--all', '--quiet', '--filter', `ancestor=${name}`];
    while ((await this.#clean('docker', args)) !== '' && performance.now() < endMs) await sleep(BUILD_POLL_MS);
  }

  /** Nameless images that stand on a stand-in: what the classic builder keeps of stages before the last. */
  async #findBuildStages() {
    const nameless = (await this.#clean('docker', ['image', 'ls', '--quiet', '--filter', 'dangling=true'])).split('\n');
    const bases = new Set(await Promise.all(this.#made.map((name) => this.#findFirstLayer(name))));
    const layers = await Promise.all(nameless.filter(Boolean).map((id) => this.#findFirstLayer(id)));
    return nameless.filter((_, at) => bases.has(layers[at]));
  }

  async #findFirstLayer(image) {
    const layer = await this.#clean('docker', ['image', 'inspect', '--format', '{{index .RootFS.Layers 0}}', image]);
    return layer.trim();
  }

  async #removeImages(names) {
    for (const name of names) {
      const exists = await this.#findFirstLayer(name).catch(() => '');
      if (exists !== '') await this.#clean('docker', ['image', 'rm', '--force', name]);
    }
  }

  async #make(name, fill) {
    const existing = await this.#run('docker', ['image', 'ls', '--quiet', name]);
    if (existing.trim() !== '') return `${name}: exists on this machine, used as it is`;
    const folder = path.join(this.#folder, name.replace(/\W/g, '-'));
    mkdirSync(folder);
    const contents = await fill(folder);
    this.#made.push(name);
    await this.#run('docker', ['build', '--network', 'none', '--tag', name, folder]);
    return `${name}: stand-in, ${contents}`;
  }

  /** Node of the wanted line from npm's registry, else the one that runs this. */
  async #fetchNode(major) {
    const version = NODE_PACKAGES[major];
    const own = { file: realpathSync(process.execPath), version: process.versions.node };
    if (version === undefined) return own;
    const folder = path.join(this.#folder, 'node-package');
    mkdirSync(folder);
    try {
      const wanted = `node-${process.platform}-${process.arch}@${version}`;
      await this.#run('npm', ['install', '--prefix', folder, '--no-save', '--ignore-scripts', wanted]);
    } catch (error) {
      console.log(`Node ${version} is not to be had (${String(error.message).split('\n')[0]})`);
      return own;
    }
    const modules = path.join(folder, 'node_modules');
    return { file: path.join(modules, `node-${process.platform}-${process.arch}`, 'bin/node'), version };
  }
}

/** What else of the C library a native addon may ask for; programs of today are no longer linked with all of it. */
const RUNTIME_LIBRARIES = [
  'librt.so.1',
  'libpthread.so.0',
  'libdl.so.2',
  'libm.so.6',
  'libresolv.so.2',
  'libgcc_s.so.1',
];

/** Copies a program and the libraries that it is linked with. */
function copyProgram(image, file, place) {
  copyFile(image, file, place);
  let libraries = '';
  try {
    libraries = execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    // Linked statically: it needs nothing.
  }
  for (const [, library] of libraries.matchAll(/(\/\S+) \(0x/g)) {
    copyFile(image, realpathSync(library), library);
    if (path.basename(library) === 'libc.so.6') copyRuntime(image, path.dirname(library));
  }
}

function copyRuntime(image, folder) {
  const present = RUNTIME_LIBRARIES.map((name) => path.join(folder, name)).filter((file) => existsSync(file));
  for (const library of present) copyFile(image, realpathSync(library), library);
}

function copyFile(image, file, place) {
  const target = path.join(image, place);
  if (existsSync(target)) return;
  mkdirSync(path.dirname(target), { recursive: true });
  cpSync(file, target);
}

function copyNpm(image) {
  const npm = path.dirname(path.dirname(realpathSync(findProgram('npm'))));
  const modules = path.join(image, 'usr/local/lib/node_modules');
  mkdirSync(modules, { recursive: true });
  cpSync(npm, path.join(modules, 'npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', path.join(image, 'usr/local/bin/npm'));
  mkdirSync(path.join(image, 'usr/bin'), { recursive: true });
  symlinkSync('../../bin/env', path.join(image, 'usr/bin/env'));
}

/** How this machine reaches its registry, so that npm in a container does as well. */
function npmSettings(image) {
  const settings = [];
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  if (authorities !== undefined && existsSync(authorities)) {
    writeText(image, '/etc/ssl/certs/extra.pem', readFileSync(authorities, 'utf8'));
    settings.push('NODE_EXTRA_CA_CERTS=/etc/ssl/certs/extra.pem');
  }
  const registry = execFileSync('npm', ['config', 'get', 'registry'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  settings.push(`NPM_CONFIG_REGISTRY=${registry.trim()}`);
  return settings;
}

function writeText(image, place, text) {
  const file = path.join(image, place);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}
