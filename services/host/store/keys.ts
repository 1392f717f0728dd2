// Keys of records: a byte for the kind, then a number in an order-preserving form, or bytes. Kinds are a role's own.

const NUMBER_BYTES = 8;

/** Key of a record that is the only one of its kind; also where the records of that kind begin. */
export function kindKey(kind: number): Buffer {
  return Buffer.from([kind]);
}

/** Key of a record with a number, from 0 to the largest that is safe. */
export function numberKey(kind: number, number: number): Buffer {
  const key = Buffer.allocUnsafe(1 + NUMBER_BYTES);
  key[0] = kind;
  key.writeUInt32BE(Math.floor(number / 2 ** 32), 1);
  key.writeUInt32BE(number % 2 ** 32, 5);
  return key;
}

/** The number in such a key. */
export function numberOfKey(key: Buffer): number {
  return key.readUInt32BE(1) * 2 ** 32 + key.readUInt32BE(5);
}

/** Key of a record with a name of one byte for each character. */
export function textKey(kind: number, text: string): Buffer {
  const key = Buffer.allocUnsafe(1 + text.length);
  key[0] = kind;
  key.write(text, 1, 'latin1');
  return key;
}

/** The name in such a key. */
export function textOfKey(key: Buffer): string {
  return key.toString('latin1', 1);
}
