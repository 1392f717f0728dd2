// Settings: which source wins, what is refused and how the refusal reads.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ConfigError,
  commonSettings,
  describeConfig,
  describeProgram,
  isAddress,
  readConfig,
  textSetting,
} from '../../../services/host/config.js';
import { replicaProgram, replicaSettings } from '../../../services/replica/settings.js';

function refusal(argv: string[], environment: Record<string, string> = {}): string {
  try {
    readConfig(replicaSettings, argv, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError, `not a ConfigError: ${error}`);
    return error.message;
  }
  return 'nothing was refused';
}

describe('config', () => {
  let folder = '';
  let file = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'curpho-config-'));
    file = join(folder, 'replica.yaml');
    writeFileSync(file, 'shards: 8\ndescriptor-limit: 300\nlog-level: debug\ncoordinators:\n  - a:1\n  - b:2\n');
  });

  after(() => rmSync(folder, { recursive: true }));

  it('takes defaults where nothing is stated', () => {
    const config = readConfig(replicaSettings, [], {});
    assert.equal(config.listen, '127.0.0.1:0');
    assert.equal(config.advertise, '');
    assert.deepEqual(config.coordinators, []);
    assert.equal(config.descriptorLimit, 200);
    assert.equal(config.shards, 64);
    assert.equal(config.ackTransport, 'nats');
    assert.equal(config.batchDelayUs, 0);
    assert.equal(config.durability, 'memory');
    assert.equal(config.dataDir, '');
    assert.equal(config.ifDamaged, 'refuse');
    assert.equal(config.storeBytesLimit, 2 ** 36);
    assert.equal(config.storeQueueBytes, 2 ** 24);
  });

  it('takes what is said of the store by name, as flag and from the environment', () => {
    const stated = {
      durability: 'disk',
      'data-dir': '/data/r0',
      'if-damaged': 'start-empty',
      'store-bytes-limit': '1048576',
      'store-queue-bytes': '4096',
    };
    const argv = Object.entries(stated).flatMap(([name, value]) => [`--${name}`, value]);
    const variables = Object.entries(stated).map(
      ([name, value]) => [`CURPHO_${name.replaceAll('-', '_').toUpperCase()}`, value] as const,
    );
    for (const config of [
      readConfig(replicaSettings, argv, {}),
      readConfig(replicaSettings, [], Object.fromEntries(variables)),
    ]) {
      const { durability, dataDir, ifDamaged, storeBytesLimit, storeQueueBytes } = config;
      assert.deepEqual([durability, dataDir, ifDamaged], ['disk', '/data/r0', 'start-empty']);
      assert.deepEqual([storeBytesLimit, storeQueueBytes], [1_048_576, 4096]);
    }
  });

  it('lets the flag win over the environment, that over the file, that over the default', () => {
    const argv = ['--config', file, '--shards', '16'];
    const environment = { CURPHO_SHARDS: '32', CURPHO_DESCRIPTOR_LIMIT: '400' };
    const config = readConfig(replicaSettings, argv, environment);
    assert.equal(config.shards, 16);
    assert.equal(config.descriptorLimit, 400);
    assert.equal(config.logLevel, 'debug');
    assert.equal(config.batchDelayUs, 0);
    assert.deepEqual(config.coordinators, ['a:1', 'b:2']);
  });

  it('reads the file that the environment names', () => {
    assert.equal(readConfig(replicaSettings, [], { CURPHO_CONFIG: file }).shards, 8);
  });

  it('splits lists and ignores blanks in them', () => {
    const config = readConfig(replicaSettings, ['--coordinators', ' a:1, b:2,'], {});
    assert.deepEqual(config.coordinators, ['a:1', 'b:2']);
  });

  it('treats an empty environment variable as absent', () => {
    assert.equal(readConfig(replicaSettings, [], { CURPHO_SHARDS: '' }).shards, 64);
  });

  const refused: [string, string[], Record<string, string>, RegExp][] = [
    ['an unknown flag', ['--shard', '3'], {}, /--shard.*--help/],
    ['a positional argument', ['start'], {}, /start/],
    [
      'a number beyond its bound',
      ['--shards', '65537'],
      {},
      /^shards: must be an integer from 1 to 65536, not "65537" \(from --shards\)$/,
    ],
    ['a number below its bound', [], { CURPHO_SHARDS: '0' }, /^shards: .*not "0" \(from CURPHO_SHARDS\)$/],
    ['text where a number belongs', ['--batch-delay-us', '1ms'], {}, /^batch-delay-us: must be an integer/],
    ['a fraction', ['--batch-delay-us', '1.5'], {}, /^batch-delay-us: must be an integer/],
    ['an unknown choice', ['--ack-transport', 'udp'], {}, /^ack-transport: must be one of nats, stream/],
    ['an unknown durability', ['--durability', 'tape'], {}, /^durability: must be one of memory, disk/],
    [
      'a file that may not grow',
      ['--store-bytes-limit', '4096'],
      {},
      /^store-bytes-limit: must be an integer from 1048576/,
    ],
    ['an address without port', ['--listen', 'localhost'], {}, /^listen: must be host:port/],
    ['a bad address in a list', ['--coordinators', 'a:1,b'], {}, /^coordinators: must be a list of host:port/],
    ['a url of another kind', ['--nats-url', 'http://x'], {}, /^nats-url: must be nats:/],
    ['a file that is not there', ['--config', '/nonexistent.yaml'], {}, /^config: cannot read \/nonexistent.yaml/],
  ];
  for (const [what, argv, environment, message] of refused) {
    it(`refuses ${what} and says where it stands`, () => {
      assert.match(refusal(argv, environment), message);
    });
  }

  it('refuses an unknown key in the file, and one of another shape', () => {
    const other = join(folder, 'other.yaml');
    writeFileSync(other, 'shard: 8\n');
    assert.match(refusal(['--config', other]), /^shard: no such setting \(in .*other.yaml\)/);
    writeFileSync(other, '- 8\n');
    assert.match(refusal(['--config', other]), /must hold a mapping/);
    writeFileSync(other, 'shards: many\n');
    assert.match(refusal(['--config', other]), /^shards: .*not "many" \(from .*other.yaml\)$/);
  });

  it('shows settings under their outside names and masks secrets', () => {
    const settings = {
      ...commonSettings,
      accessToken: textSetting({ about: 'Token', limit: 'a token', pattern: /^\w+$/, secret: true }),
    };
    const config = readConfig(settings, ['--access-token', 'hush'], {});
    const shown = describeConfig(settings, config);
    assert.equal(shown['access-token'], '***');
    assert.equal(shown['batch-delay-us'], 0);
    assert.throws(() => readConfig(settings, ['--access-token', 'not a token'], {}), /not \*\*\* \(from/);
  });

  it('finds what was said about a setting that got another default later', () => {
    const settings = { name: textSetting({ about: 'Name', limit: 'one word', pattern: /^\w+$/ }).default('curpho') };
    assert.equal(readConfig(settings, [], {}).name, 'curpho');
    assert.throws(() => readConfig(settings, ['--name', 'two words'], {}), /name: must be one word/);
  });

  it('lists every setting with its default and shows examples in the help text', () => {
    const text = describeProgram(replicaProgram);
    assert.match(text, /--descriptor-limit <value>\n.*1 to 1000000 \(default 200\)/);
    assert.match(text, /Examples:\n {2}curpho-replica --coordinators/);
  });

  it('knows addresses', () => {
    for (const good of ['127.0.0.1:0', 'replica-0:7001', '[::1]:65535']) assert.ok(isAddress(good), good);
    for (const bad of ['127.0.0.1', ':80', 'a:70000', 'a b:1', '::1:80:']) assert.ok(!isAddress(bad), bad);
  });
});
