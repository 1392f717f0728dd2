// The NATS subjects of the data path. Observers may subscribe to `ackSubject(clusterId, '*')` and see every batch.

/** Where a client process hears of its acknowledgements: `curpho.<cluster id>.acks.<client id>`; `*` for all clients. */
export function ackSubject(clusterId: string, clientId: number | '*'): string {
  return `curpho.${clusterId}.acks.${clientId}`;
}
