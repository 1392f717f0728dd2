// Writes a history that is right, of any size, to standard output:
//   node dist/test/support/make-history.js --operations 1000000 > big.ndjson

import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { formatHistory } from '../checkers/read-history.js';
import { HistoryMaker } from './history-maker.js';

const DEFAULTS = {
  ...{ seed: '1', operations: '1000000', sessions: '64', keys: '1000', pendings: '4' },
  ...{ 'write-ratio': '0.5', 'delete-ratio': '0', 'cas-ratio': '0', 'value-bytes': '100' },
};

const options = Object.fromEntries(
  Object.entries(DEFAULTS).map(([name, value]) => [name, { type: 'string', default: value } as const]),
);
const { values } = parseArgs({ options });

function number(name: keyof typeof DEFAULTS): number {
  const value = Number(values[name]);
  if (!(value >= 0)) throw new RangeError(`--${name}: '${String(values[name])}' is not a number from 0`);
  return value;
}

const maker = new HistoryMaker({
  ...{ seed: number('seed'), operations: number('operations'), sessions: number('sessions') },
  ...{ keys: number('keys'), pendings: number('pendings'), writeRatio: number('write-ratio') },
  ...{ deleteRatio: number('delete-ratio'), casRatio: number('cas-ratio'), valueBytes: number('value-bytes') },
});
let lines = formatHistory([]);
for (const event of maker.events()) {
  lines += `${JSON.stringify(event)}\n`;
  if (lines.length < 1 << 20) continue;
  if (!process.stdout.write(lines)) await once(process.stdout, 'drain');
  lines = '';
}
process.stdout.write(lines);
