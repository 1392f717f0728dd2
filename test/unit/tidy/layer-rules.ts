// Who may import whom, and that nobody imports in circles. The table is the map of docs/ARCHITECTURE.md; a room that is
// not in it may import nothing of ours, so that a new room is thought about once.

import path from 'node:path';
import type { ScannedSource } from './scan-source.js';

/** A room: its files, and the rooms it may import besides itself. A pattern without a trailing slash is one level deep. */
interface Layer {
  room: RegExp;
  may: RegExp;
  /** Whether it may import packages and Node. */
  packages: boolean;
  reason: string;
}

const SHARED_PROTOCOL = 'protocol/[^/]+$';

/** How processes are started, watched and ended: the load generator's own are no other than those of a local cluster. */
const CHILD_PROCESSES = ['deploy/scheduling', 'deploy/child-guard', 'deploy/child-process', 'deploy/service-process'];

function layer(room: string, may: string[], reason: string, packages = true): Layer {
  return { room: new RegExp(`^${room}`), may: new RegExp(`^(?:${[room, ...may].join('|')})`), packages, reason };
}

function roleLayer(role: string): Layer {
  const may = ['services/host/', `protocol/${role}/`, SHARED_PROTOCOL, 'proto/', 'tracing/', 'attribution/'];
  return layer(`services/${role}/`, may, 'a role knows its own rules and the host, never another role');
}

const LAYERS: readonly Layer[] = [
  layer('protocol/', [], 'the rules are pure: what they import would have to be simulated', false),
  layer('proto/', ['protocol/'], 'the wire knows the messages and nothing that uses it'),
  layer('tracing/', [SHARED_PROTOCOL, 'proto/'], 'tracing is used by every room and may depend on none'),
  layer('attribution/', [SHARED_PROTOCOL], 'both ends of a stream stamp frames, and neither may depend on the other'),
  layer(
    'client/',
    ['protocol/session/', SHARED_PROTOCOL, 'proto/', 'tracing/', 'attribution/'],
    'the SDK ships without the services',
  ),
  layer('services/host/', [SHARED_PROTOCOL, 'proto/', 'tracing/'], 'the host runs any role and knows none'),
  roleLayer('replica'),
  roleLayer('witness'),
  roleLayer('coordinator'),
  layer('services/gateway/', ['client/', 'proto/'], 'the gateway is a user of the SDK'),
  layer('cli/', ['client/', 'proto/'], 'the command is a user of the SDK'),
  layer(
    'loadgen/',
    ['client/', 'tracing/', 'attribution/', 'proto/', SHARED_PROTOCOL, 'deploy/local-cluster', ...CHILD_PROCESSES],
    'the load generator reaches data through the SDK only',
  ),
  layer(
    'deploy/',
    ['services/host/', 'client/', 'proto/', 'tracing/', SHARED_PROTOCOL],
    'a deployment starts roles as processes and never links them',
  ),
  { room: /^test\//, may: /^/, packages: true, reason: 'tests may import anything' },
];

/** Packages by the name under which package.json declares them. */
export interface DeclaredPackages {
  runtime: ReadonlySet<string>;
  development: ReadonlySet<string>;
}

/** Imports that the table or package.json does not allow, each with its reason. */
export function findLayerViolations(sources: readonly ScannedSource[], declared: DeclaredPackages): string[] {
  return sources.flatMap((source) => {
    const room = LAYERS.find((each) => each.room.test(source.path));
    return source.imports.flatMap(({ specifier, line }) => {
      const problem = specifier.startsWith('.')
        ? describeOwnImport(source.path, specifier, room)
        : describePackageImport(source.path, specifier, room, declared);
      return problem === '' ? [] : [`${source.path}:${line} imports ${specifier}: ${problem}`];
    });
  });
}

function describeOwnImport(from: string, specifier: string, room: Layer | undefined): string {
  if (!specifier.endsWith('.js')) return 'imports of our files end in .js, as Node resolves them';
  const target = resolveImport(from, specifier);
  if (room === undefined) return 'this room is not in the table of layers';
  return room.may.test(target) ? '' : room.reason;
}

function describePackageImport(
  from: string,
  specifier: string,
  room: Layer | undefined,
  declared: DeclaredPackages,
): string {
  if (room?.packages === false) return room.reason;
  if (specifier.startsWith('node:')) return '';
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (declared.runtime.has(name)) return '';
  if (!declared.development.has(name)) return 'package.json does not declare it';
  return from.startsWith('test/') ? '' : 'it is a development dependency, absent where the product runs';
}

/** Path of the source that an import names. */
function resolveImport(from: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(from), specifier.replace(/\.js$/, '.ts'));
}

/** Circles of imports, type imports included; each once, as a chain of paths. */
export function findCycles(sources: readonly ScannedSource[]): string[] {
  const targets = new Map(
    sources.map((source) => {
      const own = source.imports.filter(({ specifier }) => specifier.startsWith('.'));
      return [source.path, own.map(({ specifier }) => resolveImport(source.path, specifier))];
    }),
  );
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (file: string, chain: string[]) => {
    if (chain.includes(file)) {
      const circle = [...chain.slice(chain.indexOf(file)), file].join(' → ');
      cycles.push(`${circle}: none of these can be understood or tested without the others`);
      return;
    }
    if (finished.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...chain, file]);
    finished.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return cycles;
}
