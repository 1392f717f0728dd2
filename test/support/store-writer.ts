// A process that keeps numbered records in a store until it is ended, and says on stdout what is kept: the last number
// after each flush. Ends itself by nothing; started by the tests that kill it, or take the room away from it.

import { createLog } from '../../services/host/log.js';
import { numberKey } from '../../services/host/store/keys.js';
import { openStore } from '../../services/host/store/open-store.js';

const [directory = '', valueBytes = '100', first = '1'] = process.argv.slice(2);
const BATCH_RECORDS = 10;
/** Batches that wait for the disk at once. */
const UNDER_WAY = 8;

// A file that reaches the limit of the process is refused with an error, once nobody dies of the signal.
process.on('SIGXFSZ', () => undefined);

const store = await openStore({
  ...{ directory, role: 'replica', nodeId: 'r0', clusterId: '', format: 1, ifDamaged: 'refuse', bytesLimit: 2 ** 30 },
  log: createLog({ role: 'test', node: 'test', epoch: 0 }, 'info'),
});
await store.startWriting((error) => {
  throw error;
});

let next = Number(first);
/** Each batch also moves one record along, so that pages are freed and used again, and names the last number. */
function writeBatch(): void {
  const from = next;
  next += BATCH_RECORDS;
  const last = next - 1;
  store.write(
    (changes) => {
      for (let number = from; number <= last; number++) {
        changes.put(numberKey(3, number), Buffer.alloc(Number(valueBytes), number));
      }
      changes.put(numberKey(4, 0), Buffer.from(String(last)));
    },
    () => {
      process.stdout.write(`${last}\n`);
      writeBatch();
    },
  );
}
for (let batch = 0; batch < UNDER_WAY; batch++) writeBatch();
