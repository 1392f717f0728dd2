// A session's place in the causal order as a compact printable string: version, cluster, epoch, slot and a checksum in
// base64url. A token that was cut, mistyped or comes from a later format is refused, never misread.

import { crc32 } from 'node:zlib';
import type { SessionToken } from '../protocol/core.js';
import { NUMBER_LIMIT } from '../protocol/limits.js';
import { invalidArgument } from './client-error.js';

const VERSION = 1;
const HEADER_BYTES = 1 + 8 + 8;
const CHECKSUM_BYTES = 4;
const CLUSTER_ID_BYTES_LIMIT = 256;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** A token as text that survives a URL, a header and a shell. */
export function encodeSessionToken(token: SessionToken): string {
  const clusterId = Buffer.from(token.clusterId, 'utf8');
  const bytes = Buffer.alloc(HEADER_BYTES + clusterId.length + CHECKSUM_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeBigUInt64BE(BigInt(token.epoch), 1);
  bytes.writeBigUInt64BE(BigInt(token.slot), 9);
  bytes.set(clusterId, HEADER_BYTES);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -CHECKSUM_BYTES)), bytes.length - CHECKSUM_BYTES);
  return bytes.toString('base64url');
}

/** The token that a text stands for. Fails with `INVALID_ARGUMENT`. */
export function parseSessionToken(text: string): SessionToken {
  const longest = Math.ceil(((HEADER_BYTES + CLUSTER_ID_BYTES_LIMIT + CHECKSUM_BYTES) * 4) / 3);
  if (typeof text !== 'string' || text.length > longest || !BASE64URL.test(text)) {
    throw invalidArgument('token', 'not a session token');
  }
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < HEADER_BYTES + CHECKSUM_BYTES) throw invalidArgument('token', 'cut short');
  const checksum = bytes.readUInt32BE(bytes.length - CHECKSUM_BYTES);
  if (checksum !== crc32(bytes.subarray(0, -CHECKSUM_BYTES))) throw invalidArgument('token', 'checksum does not match');
  if (bytes.readUInt8(0) !== VERSION) throw invalidArgument('token', `version ${bytes.readUInt8(0)} is not known`);
  const epoch = Number(bytes.readBigUInt64BE(1));
  const slot = Number(bytes.readBigUInt64BE(9));
  if (epoch > NUMBER_LIMIT || slot > NUMBER_LIMIT) throw invalidArgument('token', 'number out of range');
  return { clusterId: bytes.toString('utf8', HEADER_BYTES, bytes.length - CHECKSUM_BYTES), epoch, slot };
}
