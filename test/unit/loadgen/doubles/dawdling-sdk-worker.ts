// A client process whose SDK is the real one, but spends a millisecond on every operation before it takes it: time that
// callers see and no stage covers.

import { connect } from '../../../../client/index.js';
import type { Client, Session } from '../../../../client/types.js';
import { serveWorker } from '../../../../loadgen/worker/worker-program.js';

const HIDDEN_MS = 1;

function dawdle(session: Session): Session {
  return new Proxy(session, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'get' && name !== 'put') return member.bind(target);
      return (...args: unknown[]) => {
        const fromMs = performance.now();
        while (performance.now() - fromMs < HIDDEN_MS);
        return member.apply(target, args);
      };
    },
  });
}

await serveWorker(async (options): Promise<Client> => {
  const client = await connect(options);
  return {
    clusterId: client.clusterId,
    clientId: client.clientId,
    session: async (sessionOptions) => dawdle(await client.session(sessionOptions)),
    resolve: (id, resolveOptions) => client.resolve(id, resolveOptions),
    stats: () => client.stats(),
    close: (closeOptions) => client.close(closeOptions),
  };
});
