// The factors of an ablation: which setting each turns, at which levels, and how a level is written. A level is the text
// of the flag that it stands for, so that plan.ts judges it like any other. Measures nothing.

import type { RawFlags } from '../plan.js';

/** The names, in the order in which an ablation takes them unless told otherwise. */
export const FACTOR_NAMES = [
  'pendings',
  'descriptor-limit',
  'shards',
  'batch-delay',
  'ack-transport',
  'durability',
  'tracing',
  'weak-ratio',
  'run-length',
] as const;

/** One of `FACTOR_NAMES`. */
export type FactorName = (typeof FACTOR_NAMES)[number];

/** One setting that is turned while all others stay. */
export interface Factor {
  name: FactorName;
  /** What is turned, as the start of a sentence. */
  about: string;
  /** The first one is the baseline. */
  levels: readonly string[];
  /** The flags that a level stands for. */
  flags(level: string): RawFlags;
  /** A level as words, short enough to stand below an axis. */
  label(level: string): string;
}

/** The word for shards that leaves them to the services. */
const SERVICE_DEFAULT = 'default';
/** Ends a run length that is measured without any load before it. */
const COLD_SUFFIX = '-cold';

const asWritten = (level: string): string => level;

/** All factors. Levels are those of the study and of its follow-up, where it had any. */
export const FACTORS: readonly Factor[] = [
  {
    name: 'pendings',
    about: 'Operations that each session keeps in flight',
    levels: ['10', '5', '20', '30'],
    flags: (level) => ({ pendings: level }),
    label: asWritten,
  },
  {
    name: 'descriptor-limit',
    about: 'Commands that a replica admits and has not committed yet',
    levels: ['200', '500'],
    flags: (level) => ({ descriptorLimit: level }),
    label: asWritten,
  },
  {
    name: 'shards',
    about: 'Parts of the key map and of the witness pool',
    levels: [SERVICE_DEFAULT, '512', '32768'],
    flags: (level) => (level === SERVICE_DEFAULT ? {} : { shards: level }),
    label: asWritten,
  },
  {
    name: 'batch-delay',
    about: 'Time for which a frame gathers what is to be sent',
    levels: ['0', '50', '150'],
    flags: (level) => ({ batchDelay: level }),
    label: (level) => `${level} µs`,
  },
  {
    name: 'ack-transport',
    about: 'Way by which acknowledgements of weak writes come',
    levels: ['nats', 'stream'],
    flags: (level) => ({ ackTransport: level }),
    label: asWritten,
  },
  {
    name: 'durability',
    about: 'Place where nodes keep what they answered',
    levels: ['memory', 'disk'],
    flags: (level) => ({ durability: level }),
    label: asWritten,
  },
  {
    name: 'tracing',
    about: 'Share of operations that are traced, into a collector on the same machine',
    levels: ['0', '0.01'],
    flags: (level) => ({ traceRatio: level }),
    label: labelShare,
  },
  {
    name: 'weak-ratio',
    about: 'Share of weak operations',
    levels: ['0.5', '0', '0.9'],
    flags: (level) => ({ weakRatio: level }),
    label: labelShare,
  },
  {
    name: 'run-length',
    about: 'Length of the measuring window; cold: without any load before it',
    levels: ['5s', '1s', '15s', '1s-cold', '5s-cold'],
    flags: (level) => (isColdLevel(level) ? { duration: windowOf(level), warmup: '0s' } : { duration: level }),
    label: (level) => `${windowOf(level).replace(/(?<=\d)(?=[a-z])/, ' ')}${isColdLevel(level) ? ' cold' : ''}`,
  },
];

/** The factor of a name. */
export function factorOf(name: FactorName): Factor {
  const factor = FACTORS.find((each) => each.name === name);
  if (factor === undefined) throw new RangeError(`no factor is called ${name}`);
  return factor;
}

/** Whether a level of run-length has no warm-up. */
function isColdLevel(level: string): boolean {
  return level.endsWith(COLD_SUFFIX);
}

function windowOf(level: string): string {
  return isColdLevel(level) ? level.slice(0, -COLD_SUFFIX.length) : level;
}

function labelShare(level: string): string {
  return `${Number((Number(level) * 100).toPrecision(6))} %`;
}
