// Who a process is to a trace viewer. Apart from the names of spans, because also a process that traces nothing has them
// at hand, and must not load OpenTelemetry for it.

/** Service names, as a trace viewer lists them. */
export const ServiceName = {
  client: 'curpho-client',
  replica: 'curpho-replica',
  witness: 'curpho-witness',
  coordinator: 'curpho-coordinator',
} as const;

/** What a process says of itself with every span, beside its service name. */
export const ResourceAttribute = {
  instance: 'service.instance.id',
  cluster: 'curpho.cluster.id',
} as const;
