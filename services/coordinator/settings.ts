// The settings that only the coordinator has. Their names, bounds and defaults; what they mean for the rules stands in
// protocol/coordinator/types.ts.

import { defaultFastQuorum } from '../../protocol/quorum.js';
import { type Config, commonSettings, integerSetting, type ProgramSpec, textSetting } from '../host/config.js';

/** All settings of the coordinator service. */
export const coordinatorSettings = {
  ...commonSettings,
  natsUrl: textSetting({
    about: 'NATS server with JetStream that keeps the cluster record; clients and replicas are told to use it too',
    limit: 'nats://host:port',
    pattern: /^(nats|tls):\/\/\S+$/,
  }).default('nats://127.0.0.1:4222'),
  bucket: textSetting({
    about: 'JetStream key-value bucket of the cluster record; one per cluster',
    limit: '1 to 64 letters, digits, dashes or underscores',
    pattern: /^[A-Za-z0-9_-]{1,64}$/,
  }).default('curpho_default'),
  replicas: integerSetting({ about: 'Replicas to wait for before the first epoch, odd', min: 1, max: 15, fallback: 3 }),
  witnesses: integerSetting({ about: 'Witnesses to wait for before the first epoch', min: 1, max: 15, fallback: 3 }),
  fastQuorum: integerSetting({
    about:
      'Witness accepts that complete a strong write; 0 derives it: all up to three witnesses, three quarters beyond',
    min: 0,
    max: 15,
    fallback: 0,
  }),
  replaceAfter: integerSetting({
    about: 'Seconds that a replica may be gone before a registered one that is no member takes its place',
    min: 1,
    max: 86_400,
    fallback: 10,
  }),
  sessionLimit: integerSetting({
    about: 'Sessions that may ever be opened in the life of the cluster',
    min: 1,
    max: 2 ** 40,
    fallback: 2 ** 40,
  }),
};

/** The values of the coordinator's settings. */
export type CoordinatorConfig = Config<typeof coordinatorSettings>;

/** The fast quorum in force. */
export function fastQuorumOf(config: Pick<CoordinatorConfig, 'fastQuorum' | 'witnesses'>): number {
  return config.fastQuorum === 0 ? defaultFastQuorum(config.witnesses) : config.fastQuorum;
}

/** The coordinator as a program. */
export const coordinatorProgram: ProgramSpec<typeof coordinatorSettings> = {
  program: 'curpho-coordinator',
  summary: 'keeps the cluster record, installs epochs, issues session ids',
  settings: coordinatorSettings,
  examples: [
    'curpho-coordinator --listen 127.0.0.1:7000 --nats-url nats://127.0.0.1:4222',
    'curpho-coordinator --listen 127.0.0.1:7010 --bucket curpho_default   # a second one for the same cluster',
    'CURPHO_WITNESSES=5 curpho-coordinator --listen 0.0.0.0:7000 --advertise coordinator:7000',
  ],
};
