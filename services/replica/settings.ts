// The settings that only a replica has, and how its program presents itself.

import { type Config, choiceSetting, integerSetting, nodeSettings, type ProgramSpec } from '../host/config.js';

/** All settings of a replica. */
export const replicaSettings = {
  ...nodeSettings,
  descriptorLimit: integerSetting({
    about: 'Commands admitted and not yet committed beyond which clients are not read',
    min: 1,
    max: 1_000_000,
    fallback: 200,
  }),
  sessionLease: integerSetting({
    about: 'Milliseconds of silence after which a session that has written may end; clients speak every 10 s',
    min: 1000,
    max: 86_400_000,
    fallback: 60_000,
  }),
  shards: integerSetting({ about: 'Parts into which the key map is split', min: 1, max: 65_536, fallback: 64 }),
  ackTransport: choiceSetting({
    about: 'How weak acknowledgements travel; nats falls back to the stream by itself',
    choices: ['nats', 'stream'],
    fallback: 'nats',
  }),
};

/** The values of a replica's settings. */
export type ReplicaConfig = Config<typeof replicaSettings>;

/** The replica as a program. */
export const replicaProgram: ProgramSpec<typeof replicaSettings> = {
  program: 'curpho-replica',
  summary: 'orders, replicates and executes commands; answers reads',
  settings: replicaSettings,
  examples: [
    'curpho-replica --coordinators 127.0.0.1:7000 --node-id r0 --listen 127.0.0.1:7001',
    'CURPHO_COORDINATORS=coordinator:7000 curpho-replica --listen 0.0.0.0:7001 --advertise replica-0:7001',
    'curpho-replica --config replica.yaml --log-level debug',
  ],
};
