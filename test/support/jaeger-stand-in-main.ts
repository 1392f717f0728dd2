// The stand-in for Jaeger as a process, on Jaeger's ports unless told otherwise. Ready as soon as it prints its
// addresses; ends on SIGTERM or SIGINT.

import { parseArgs } from 'node:util';
import { JaegerStandIn } from './jaeger-stand-in.js';

const { env } = process;
const { values } = parseArgs({
  options: {
    // The name that Jaeger's own images use.
    host: { type: 'string', default: env.JAEGER_LISTEN_HOST ?? '127.0.0.1' },
    'otlp-port': { type: 'string', default: env.JAEGER_OTLP_PORT ?? '4317' },
    'query-port': { type: 'string', default: env.JAEGER_QUERY_PORT ?? '16686' },
    'health-port': { type: 'string', default: env.JAEGER_HEALTH_PORT ?? '13133' },
  },
});

const standIn = await JaegerStandIn.open({
  otlp: `${values.host}:${values['otlp-port']}`,
  query: `${values.host}:${values['query-port']}`,
  health: `${values.host}:${values['health-port']}`,
});
process.stdout.write(`${JSON.stringify(standIn.addresses)}\n`);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => standIn.close());
