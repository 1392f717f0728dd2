// Settings of a service: one description gives the flags, the environment variables, the keys of the YAML file and the
// help text. A flag wins over the environment, that over the file, that over the default. Knows the settings that all
// services share; what only one of them needs stands in that service's room.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

/** The caller stated something that is not possible; the process ends with code 2 and this message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What the help text says about a setting. */
interface SettingNotes {
  /** One line. */
  about: string;
  /** What a value must be; completes the sentence "must be …". */
  limit: string;
  /** True if the value must never be shown. */
  secret?: boolean;
}

const notes = new WeakMap<z.ZodType, SettingNotes>();

function described<T extends z.ZodType>(schema: T, note: SettingNotes): T {
  notes.set(schema, note);
  return schema;
}

/** An integer setting with its bounds, both inclusive. Text is accepted if it is a plain decimal. */
export function integerSetting(options: { about: string; min: number; max: number; fallback: number }) {
  const limit = `an integer from ${options.min} to ${options.max}`;
  const number = z.int({ error: limit }).min(options.min, { error: limit }).max(options.max, { error: limit });
  const fromText = (raw: unknown): unknown => (typeof raw === 'string' && /^-?\d+$/.test(raw) ? Number(raw) : raw);
  return described(z.preprocess(fromText, number).default(options.fallback), { about: options.about, limit });
}

/** A setting with a fixed list of values. */
export function choiceSetting<const T extends readonly [string, ...string[]]>(options: {
  about: string;
  choices: T;
  fallback: T[number];
}) {
  const limit = `one of ${options.choices.join(', ')}`;
  return described(z.enum(options.choices, { error: limit }).default(options.fallback as never), {
    about: options.about,
    limit,
  });
}

/** What was said about a setting, also when a default was put around it later. */
function notesOf(schema: z.ZodType): SettingNotes | undefined {
  const note = notes.get(schema);
  return note === undefined && schema instanceof z.ZodDefault ? notesOf(schema.unwrap() as z.ZodType) : note;
}

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})$/;
const ADDRESS_LIMIT = 'host:port, port 0 to 65535';

/** True for `host:port` with a port in range; an IPv6 host stands in brackets. */
export function isAddress(text: string): boolean {
  const port = ADDRESS.exec(text)?.[2];
  return port !== undefined && Number(port) <= 65535;
}

const address = z.string({ error: ADDRESS_LIMIT }).refine(isAddress, { error: ADDRESS_LIMIT });

/** An address setting; an empty fallback makes it optional. */
export function addressSetting(options: { about: string; fallback: string }) {
  const schema = options.fallback === '' ? z.literal('').or(address) : address;
  return described(schema.default(options.fallback), { about: options.about, limit: ADDRESS_LIMIT });
}

/** A comma-separated list of addresses; a list in the file. */
export function addressesSetting(options: { about: string }) {
  const limit = `a list of ${ADDRESS_LIMIT}`;
  const split = (raw: unknown): unknown =>
    typeof raw === 'string' ? raw.split(',').flatMap((part) => part.trim() || []) : raw;
  return described(z.preprocess(split, z.array(address, { error: limit })).default([]), {
    about: options.about,
    limit,
  });
}

/** A text setting of at most 256 characters that may be restricted to a pattern; empty means not set. */
export function textSetting(options: { about: string; limit: string; pattern: RegExp; secret?: boolean }) {
  const text = z.string({ error: options.limit }).max(256, { error: options.limit });
  const checked = text.refine((value) => value === '' || options.pattern.test(value), { error: options.limit });
  return described(checked.default(''), {
    about: options.about,
    limit: options.limit,
    secret: options.secret ?? false,
  });
}

const NAME = /^[A-Za-z0-9_.:@-]{1,128}$/;
const NAME_LIMIT = '1 to 128 letters, digits or _.:@-';

/** The settings of every service. */
export const commonSettings = {
  listen: addressSetting({ about: 'Address to listen on; port 0 picks a free one', fallback: '127.0.0.1:0' }),
  advertise: addressSetting({ about: 'Address that others dial; default is the bound one', fallback: '' }),
  coordinators: addressesSetting({ about: 'Coordinators, separated by commas' }),
  clusterId: textSetting({
    about: 'Refuse to join any other cluster; default is what the coordinator says',
    limit: NAME_LIMIT,
    pattern: NAME,
  }),
  nodeId: textSetting({ about: 'Stable name of this node; default is role@address', limit: NAME_LIMIT, pattern: NAME }),
  natsUrl: textSetting({
    about: 'NATS server for acknowledgements; default is what the coordinator says',
    limit: 'nats://host:port',
    pattern: /^(nats|tls):\/\/\S+$/,
  }),
  logLevel: choiceSetting({
    about: 'Least severe log lines to write',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    fallback: 'info',
  }),
  batchDelayUs: integerSetting({
    about: 'Microseconds to gather before frames leave; 0 sends at the end of the event-loop turn',
    min: 0,
    max: 1_000_000,
    fallback: 0,
  }),
  streamQueueFrames: integerSetting({
    about: 'Frames queued for one slow stream before its sender is no longer read; 16 times as many end it',
    min: 1,
    max: 65_536,
    fallback: 256,
  }),
  streamQueueBytes: integerSetting({
    about: 'Bytes queued for one slow stream before its sender is no longer read; 16 times as many end it',
    min: 4096,
    max: 1 << 28,
    fallback: 4 << 20,
  }),
};

/** The settings of every node that operations pass through. */
export const nodeSettings = {
  ...commonSettings,
  otlpUrl: textSetting({
    about: 'Collector that takes spans over OTLP/gRPC; without one nothing is traced',
    limit: 'http://host:port, https://host:port or host:port',
    pattern: /^\S+$/,
  }),
  durability: choiceSetting({
    about: 'Whether the node finds again after its end what it answered: memory (no) or disk',
    choices: ['memory', 'disk'],
    fallback: 'memory',
  }),
  dataDir: textSetting({
    about: 'Directory of this node alone; durability disk needs one',
    limit: 'a path',
    pattern: /^[^\0]+$/,
  }),
  ifDamaged: choiceSetting({
    about: 'What damage in the data directory ends in; start-empty moves what is there aside and begins a new life',
    choices: ['refuse', 'start-empty'],
    fallback: 'refuse',
  }),
  storeBytesLimit: integerSetting({
    about: 'Size beyond which the data file does not grow; then the node stops answering as if the disk were full',
    min: 1 << 20,
    max: 2 ** 40,
    fallback: 2 ** 36,
  }),
  storeQueueBytes: integerSetting({
    about: 'Bytes that may wait for the disk before clients are no longer read',
    min: 4096,
    max: 1 << 30,
    fallback: 16 << 20,
  }),
};

/** Settings by name, camel case; the outside spells them in kebab case. */
export type Settings = Record<string, z.ZodType>;
/** The values of settings once they are read. */
export type Config<S extends Settings> = { [K in keyof S]: z.output<S[K]> };
/** What every service can rely on. */
export type CommonConfig = Config<typeof commonSettings>;
/** And every node. */
export type NodeConfig = Config<typeof nodeSettings>;

/** A program as its user sees it. */
export interface ProgramSpec<S extends Settings> {
  /** How it is called. */
  program: string;
  /** One line. */
  summary: string;
  settings: S;
  /** Command lines worth showing in the help text. */
  examples: readonly string[];
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function environmentName(name: string): string {
  return `CURPHO_${kebab(name).replaceAll('-', '_').toUpperCase()}`;
}

interface Stated {
  value: unknown;
  /** For messages: where it was stated. */
  from: string;
}

function readFlags(names: readonly string[], argv: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>();
  const options = Object.fromEntries([...names, 'config'].map((name) => [kebab(name), { type: 'string' as const }]));
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false });
    for (const [flag, value] of Object.entries(values)) if (typeof value === 'string') flags.set(flag, value);
  } catch (error) {
    const text = error instanceof Error ? error.message.split('. ')[0] : String(error);
    throw new ConfigError(`${text}; --help lists what there is`);
  }
  return flags;
}

function readFile(path: string, names: readonly string[]): Map<string, unknown> {
  let document: unknown;
  try {
    document = parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`config: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (document === null || document === undefined) return new Map();
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new ConfigError(`config: ${path} must hold a mapping of settings`);
  }
  const known = new Set(names.map(kebab));
  const entries = new Map(Object.entries(document));
  for (const key of entries.keys()) {
    if (!known.has(key)) throw new ConfigError(`${key}: no such setting (in ${path}); --help lists what there is`);
  }
  return entries;
}

/**
 * The settings that are in force. Pure but for reading the file that `--config` names.
 * @throws ConfigError naming the setting, what it must be and where the bad value came from.
 */
export function readConfig<S extends Settings>(
  settings: S,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Config<S> {
  const names = Object.keys(settings);
  const flags = readFlags(names, argv);
  const path = flags.get('config') ?? environment.CURPHO_CONFIG;
  const file = path === undefined ? new Map<string, unknown>() : readFile(path, names);
  const config: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(settings)) {
    const stated = findStated(name, { flags, environment, file, path: path ?? '' });
    const result = schema.safeParse(stated?.value);
    if (!result.success) throw new ConfigError(describeBadValue(name, schema, stated));
    config[name] = result.data;
  }
  return config as Config<S>;
}

function findStated(
  name: string,
  sources: {
    flags: Map<string, string>;
    environment: Readonly<Record<string, string | undefined>>;
    file: Map<string, unknown>;
    path: string;
  },
): Stated | undefined {
  const flag = sources.flags.get(kebab(name));
  if (flag !== undefined) return { value: flag, from: `--${kebab(name)}` };
  const variable = sources.environment[environmentName(name)];
  if (variable !== undefined && variable !== '') return { value: variable, from: environmentName(name) };
  const value = sources.file.get(kebab(name));
  return value === undefined ? undefined : { value, from: sources.path };
}

function describeBadValue(name: string, schema: z.ZodType, stated: Stated | undefined): string {
  const note = notesOf(schema);
  const limit = note?.limit ?? 'a valid value';
  if (stated === undefined) return `${kebab(name)}: must be ${limit}, and is not set`;
  const shown = note?.secret ? '***' : JSON.stringify(stated.value);
  return `${kebab(name)}: must be ${limit}, not ${shown} (from ${stated.from})`;
}

/** The settings in force under their outside names, secrets masked; for the log line at the start. */
export function describeConfig<S extends Settings>(settings: S, config: Config<S>): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(settings)) {
    shown[kebab(name)] = notesOf(schema)?.secret && config[name] !== '' ? '***' : config[name];
  }
  return shown;
}

/** The text of `--help`. */
export function describeProgram<S extends Settings>(spec: ProgramSpec<S>): string {
  const lines = [`${spec.program}: ${spec.summary}`, '', `Usage: ${spec.program} [flags]`, '', 'Flags:'];
  for (const [name, schema] of Object.entries(spec.settings)) {
    const note = notesOf(schema);
    const fallback = schema.safeParse(undefined);
    const shown = fallback.success && String(fallback.data) !== '' ? ` (default ${String(fallback.data)})` : '';
    lines.push(`  --${kebab(name)} <value>`, `      ${note?.about ?? ''}: ${note?.limit ?? ''}${shown}`);
  }
  lines.push('  --config <file>', '      YAML file with the same names: a path');
  lines.push('', 'Each flag may be given as CURPHO_<NAME> in the environment, or without dashes in the file.');
  lines.push('A flag wins over the environment, the environment over the file.', '', 'Examples:');
  for (const example of spec.examples) lines.push(`  ${example}`);
  return `${lines.join('\n')}\n`;
}

/** `readConfig` for a `main`: prints the help text and ends with 0, or the error and ends with 2. */
export function loadConfig<S extends Settings>(spec: ProgramSpec<S>): Config<S> {
  const argv = process.argv.slice(2);
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(describeProgram(spec));
    process.exit(0);
  }
  try {
    return readConfig(spec.settings, argv, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${spec.program}: ${error.message}\n`);
    process.exit(2);
  }
}
