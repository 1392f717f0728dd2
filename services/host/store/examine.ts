// A program of its own: reads everything in a data file and says what is wrong. LMDB reads through a memory map and trusts
// what it finds, so damage can end the process that reads; better this one than the node.

import { closeSync, openSync, readSync } from 'node:fs';
import { openRecords, type Records, readStats, TRANSACTION_KEY } from './environment.js';
import { unseal } from './records.js';

const MAGIC = 0xbeef_c0de;
const META_AT = 24;
const META_BYTES = 192;

/** The parts of LMDB's first two pages that say which transaction was the last. */
interface MetaPage {
  magic: number;
  pageBytes: number;
  lastPage: number;
  transaction: number;
}

function readMeta(descriptor: number, at: number): MetaPage {
  const bytes = Buffer.alloc(META_BYTES);
  readSync(descriptor, bytes, 0, META_BYTES, at);
  return {
    magic: bytes.readUInt32LE(META_AT),
    pageBytes: bytes.readUInt32LE(META_AT + 24),
    lastPage: Number(bytes.readBigUInt64LE(META_AT + 120)),
    transaction: Number(bytes.readBigUInt64LE(META_AT + 128)),
  };
}

/**
 * Transactions write the two pages in turn. If the later one cannot be read, LMDB takes the earlier one, and what was kept
 * last would be gone without a word.
 */
function findMetaProblem(path: string): string | null {
  const descriptor = openSync(path, 'r');
  try {
    const first = readMeta(descriptor, 0);
    if (first.magic !== MAGIC) return 'it does not begin like a data file';
    if (first.pageBytes < 512 || first.pageBytes > 65_536) return 'its first page is not what was written';
    const second = readMeta(descriptor, first.pageBytes);
    if (second.magic !== MAGIC || second.pageBytes !== first.pageBytes)
      return 'its second page is not what was written';
    const isInTurn = first.transaction % 2 === 0 && Math.abs(first.transaction - second.transaction) === 1;
    // Before the first transaction both pages are as they were made.
    if (!isInTurn && !(first.transaction === 0 && second.transaction === 0))
      return 'its first pages do not follow each other';
    return null;
  } finally {
    closeSync(descriptor);
  }
}

function findRecordProblem(records: Records): string | null {
  let count = 0;
  let before: Buffer | null = null;
  for (const { key, value } of records.getRange({})) {
    if (before !== null && Buffer.compare(before, key) >= 0) return 'its keys are out of order';
    unseal(key, value);
    // The way down the tree is another than the way along its leaves.
    if (!records.doesExist(key)) return 'a key is there and is not found';
    before = key;
    count++;
  }
  const { transaction, records: expected } = readStats(records);
  if (count !== expected) return `it has ${count} records and should have ${expected}`;
  const sealed = records.get(TRANSACTION_KEY);
  const number = sealed === undefined ? 0 : Number(unseal(TRANSACTION_KEY, sealed));
  return number === transaction ? null : `it is as of transaction ${number}, and the last one was ${transaction}`;
}

/** Lets LMDB read what it knows of free pages, as any write does, and takes the write back. */
function tryWrite(records: Records): void {
  const undo = new Error('undo');
  try {
    records.transactionSync(() => {
      const key = Buffer.from([255]);
      records.putSync(key, Buffer.alloc(8192));
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
}

function findProblem(path: string): string | null {
  const problem = findMetaProblem(path);
  if (problem !== null) return problem;
  const records = openRecords(path, 0);
  const found = findRecordProblem(records);
  if (found === null) tryWrite(records);
  return found;
}

let problem: string | null;
try {
  problem = findProblem(process.argv[2] ?? '');
} catch (error) {
  problem = error instanceof Error ? error.message : String(error);
}
// Closing would be one more chance for damage to do harm, and the end of the process closes everything.
process.stdout.write(`${JSON.stringify({ problem })}\n`, () => process.exit(0));
