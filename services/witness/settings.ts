// The settings that only a witness has, and how its program presents itself.

import { type Config, integerSetting, nodeSettings, type ProgramSpec } from '../host/config.js';

/** All settings of a witness. */
export const witnessSettings = {
  ...nodeSettings,
  shards: integerSetting({ about: 'Parts into which the pool is split', min: 1, max: 65_536, fallback: 64 }),
};

/** The values of a witness's settings. */
export type WitnessConfig = Config<typeof witnessSettings>;

/** The witness as a program. */
export const witnessProgram: ProgramSpec<typeof witnessSettings> = {
  program: 'curpho-witness',
  summary: 'keeps writes that are not known to be committed, in arrival order',
  settings: witnessSettings,
  examples: [
    'curpho-witness --coordinators 127.0.0.1:7000 --node-id w0 --listen 127.0.0.1:7011',
    'CURPHO_COORDINATORS=coordinator:7000 curpho-witness --listen 0.0.0.0:7011 --advertise witness-0:7011',
    'curpho-witness --config witness.yaml --log-level debug',
  ],
};
