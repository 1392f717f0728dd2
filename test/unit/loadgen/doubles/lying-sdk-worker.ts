// A client process whose SDK is the real one, but alters one byte of one value in the whole run.

import { connect } from '../../../../client/index.js';
import type { Client, Session } from '../../../../client/types.js';
import { serveWorker } from '../../../../loadgen/worker/worker-program.js';

let isAltered = false;

function lie(session: Session): Session {
  return new Proxy(session, {
    get(target, name) {
      if (name !== 'get') {
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      }
      return async (...args: Parameters<Session['get']>) => {
        const outcome = await target.get(...args);
        if (isAltered || outcome.value === null) return outcome;
        isAltered = true;
        const value = Buffer.from(outcome.value);
        value[50] = (value[50] ?? 0) ^ 1;
        return { ...outcome, value };
      };
    },
  });
}

await serveWorker(async (options): Promise<Client> => {
  const client = await connect(options);
  return {
    clusterId: client.clusterId,
    clientId: client.clientId,
    session: async (sessionOptions) => lie(await client.session(sessionOptions)),
    resolve: (id, resolveOptions) => client.resolve(id, resolveOptions),
    stats: () => client.stats(),
    close: (closeOptions) => client.close(closeOptions),
  };
});
