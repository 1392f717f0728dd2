// What deploy/compose.yaml, deploy/Dockerfile, .env and .dockerignore promise, read without Docker: who can be reached
// from where, what containers may do, and that settings and addresses are ones that the programs understand.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { coordinatorSettings } from '../../../services/coordinator/settings.js';
import { readConfig } from '../../../services/host/config.js';
import { replicaSettings } from '../../../services/replica/settings.js';
import { witnessSettings } from '../../../services/witness/settings.js';
import { findRoot } from '../tidy/project-files.js';

const serviceSchema = z.object({
  image: z.string(),
  build: z.unknown().optional(),
  command: z.union([z.string(), z.array(z.string())]).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  restart: z.string().optional(),
  user: z.string().optional(),
  init: z.boolean().optional(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  healthcheck: z.object({ disable: z.boolean().default(false), test: z.array(z.string()).default([]) }).optional(),
  depends_on: z.union([z.array(z.string()), z.record(z.string(), z.object({ condition: z.string() }))]).default([]),
});
type Service = z.output<typeof serviceSchema>;

const SETTINGS = {
  'dist/services/coordinator/main.js': coordinatorSettings,
  'dist/services/replica/main.js': replicaSettings,
  'dist/services/witness/main.js': witnessSettings,
};

/** A member of the cluster, with the settings that it starts with. */
interface Member {
  name: string;
  settings: (typeof SETTINGS)[keyof typeof SETTINGS];
  environment: Record<string, string>;
}

/** The containers that do their work and end. */
const ENDING = ['results-directory', 'load'];

const root = findRoot();
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

function readServices(): Record<string, Service> {
  const document: Record<string, unknown> = parse(read('deploy/compose.yaml'), { merge: true });
  return z.record(z.string(), serviceSchema).parse(document.services);
}

/** Those that run from the image that is built here. */
function ownServices(services: Record<string, Service>): [string, Service][] {
  return Object.entries(services).filter(([, { image }]) => image.includes('CURPHO_IMAGE'));
}

/** Variables replaced by the defaults that they have in the file. */
function withDefaults(text: string): string {
  return text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');
}

function findMembers(services: Record<string, Service>): Member[] {
  return ownServices(services).flatMap(([name, { command, environment }]) => {
    const settings = Object.entries(SETTINGS).find(([program]) => program === String(command))?.[1];
    if (settings === undefined) return [];
    const stated = Object.entries(environment).map(([key, text]) => [key, withDefaults(text)]);
    return [{ name, settings, environment: Object.fromEntries(stated) }];
  });
}

function pick<T>(entries: Record<string, T>, name: string): T {
  const found = entries[name];
  assert.ok(found !== undefined, `there is no ${name}`);
  return found;
}

describe('deploy/compose.yaml', () => {
  let services: Record<string, Service> = {};
  let ours: [string, Service][] = [];
  let members: Member[] = [];
  let dockerfile = '';
  before(() => {
    services = readServices();
    ours = ownServices(services);
    members = findMembers(services);
    dockerfile = read('deploy/Dockerfile');
  });

  it('is understood by docker-compose 1.29 and docker compose 2 alike', () => {
    const unknown = Object.keys(parse(read('deploy/compose.yaml'))).filter(
      (key) => key !== 'services' && !key.startsWith('x-'),
    );
    assert.deepEqual(unknown, []);
    assert.doesNotMatch(dockerfile, /^RUN --|--link|<<\w/m, 'the classic builder has no mounts, links or heredocs');
  });

  it('lets nobody in but this machine, and to nothing but the trace viewer', () => {
    const published = Object.entries(services).filter(([, { ports }]) => ports.length > 0);
    assert.deepEqual(
      published.map(([name]) => name),
      ['jaeger'],
    );
    for (const port of pick(services, 'jaeger').ports) assert.match(withDefaults(port), /^127\.0\.0\.1:\d+:\d+$/);
  });

  it('pins foreign images and builds its own once', () => {
    for (const { image } of Object.values(services).filter(({ image }) => !image.startsWith('$'))) {
      assert.match(image, /:\d+\.\d+/);
    }
    const builders = Object.entries(services).filter(([, { build }]) => build !== undefined);
    assert.deepEqual(
      builders.map(([name]) => name),
      ['coordinator'],
    );
    // docker-compose 1.29 goes by this order and would try to pull the image for whom comes before.
    for (const [name, { depends_on }] of ours) {
      const needs = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on);
      assert.ok(name === 'coordinator' || needs.includes('coordinator'), `${name} does not wait for the image`);
    }
  });

  it('starts again what serves, and not what ends', () => {
    for (const [name, { restart, init }] of Object.entries(services)) {
      assert.equal(restart, ENDING.includes(name) ? 'no' : 'unless-stopped', name);
      assert.equal(init, true, `${name}: a process with the number 1 would get no signals by default`);
    }
  });

  it('asks every service of ours for its health, and starts the load when all are well', () => {
    assert.match(dockerfile, /^HEALTHCHECK .*CMD \["node", "dist\/deploy\/health-check\.js"\]$/m);
    assert.match(dockerfile, /^ENTRYPOINT \["node"\]$/m);
    const { depends_on } = pick(services, 'load');
    for (const [name, { healthcheck }] of ours) {
      const isEnding = ENDING.includes(name);
      assert.equal(healthcheck?.disable ?? false, isEnding, name);
      if (name === 'load') continue;
      const condition = isEnding ? 'service_completed_successfully' : 'service_healthy';
      assert.deepEqual(Array.isArray(depends_on) ? null : depends_on[name], { condition }, name);
    }
  });

  it('runs without privileges: no root, no capability, nothing to write to', () => {
    assert.match(dockerfile, /^USER node$/m);
    for (const [name, service] of ours) {
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
      assert.ok(service.security_opt.includes('no-new-privileges:true'), name);
    }
    const raised = ours.filter(([, { user, cap_add }]) => user === 'root' || cap_add.length > 0);
    assert.deepEqual(
      raised.map(([name, { cap_add }]) => [name, cap_add]),
      [['results-directory', ['FOWNER']]],
    );
  });

  it('gives members settings that exist, with values that they take', () => {
    assert.equal(members.length, 7);
    const coordinators = members.flatMap(({ settings, environment }) =>
      settings === coordinatorSettings ? [environment.CURPHO_ADVERTISE] : [],
    );
    for (const { name, settings, environment } of members) {
      const known = Object.keys(settings).map(
        (key) => `CURPHO_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      );
      for (const variable of Object.keys(environment)) assert.ok(known.includes(variable), `${name}: ${variable}`);
      const config = readConfig(settings, [], environment);
      assert.equal(config.nodeId, name);
      assert.equal(config.advertise, `${name}:${config.listen.split(':')[1]}`, `${name} is reached by its name`);
      assert.deepEqual(config.coordinators, coordinators);
    }
  });

  it('starts as many members as the coordinator waits for', () => {
    const coordinator = members.find(({ settings }) => settings === coordinatorSettings);
    const config = readConfig(coordinatorSettings, [], coordinator?.environment ?? {});
    assert.equal(members.filter(({ settings }) => settings === replicaSettings).length, config.replicas);
    assert.equal(members.filter(({ settings }) => settings === witnessSettings).length, config.witnesses);
  });

  it('sends load to workers that listen and are watched where they listen', () => {
    const workers = /--workers (\S+)/.exec(String(pick(services, 'load').command))?.[1]?.split(',') ?? [];
    const named = Object.keys(services).filter((name) => name.startsWith('loadgen-'));
    assert.deepEqual(
      workers.map((address) => address.split(':')[0]),
      named,
    );
    for (const address of workers) {
      const [name = '', port] = address.split(':');
      const { command, healthcheck } = pick(services, name);
      assert.ok(Array.isArray(command) && command.includes(`0.0.0.0:${port}`) && command.includes(address), name);
      assert.ok(healthcheck?.test.includes(`127.0.0.1:${port}`), name);
    }
  });
});

describe('.env and .dockerignore', () => {
  it('let docker-compose find the file under a name that is not the folder of it', () => {
    const lines = read('.env').split('\n');
    assert.ok(lines.includes('COMPOSE_FILE=deploy/compose.yaml'));
    assert.ok(lines.includes('COMPOSE_PROJECT_NAME=curpho'));
  });

  it('set nothing that the file does not use', () => {
    const variables = [...read('.env').matchAll(/^(CURPHO_\w+)=/gm)].map(([, name]) => name);
    assert.ok(variables.length > 0);
    for (const name of variables) assert.ok(read('deploy/compose.yaml').includes(`\${${name}`), name);
  });

  it('let every room of sources into the image, except the tests', () => {
    const { include }: { include: string[] } = JSON.parse(read('tsconfig.json'));
    const rooms = include.map((pattern) => pattern.split('/')[0]).filter((room) => room !== 'test');
    const allowed = read('.dockerignore').split('\n');
    for (const room of rooms) assert.ok(allowed.includes(`!${room}`), `${room} is missing in .dockerignore`);
    assert.ok(!allowed.includes('!test'));
  });
});
