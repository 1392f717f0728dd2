// Which endpoints are taken, and what is said about the others.

import assert from 'node:assert/strict';
import { OtlpUrlError, openTracing, parseOtlpUrl } from '../../../tracing/setup.js';

describe('OTLP endpoint', () => {
  const taken = {
    'http://127.0.0.1:4317': 'http://127.0.0.1:4317',
    'localhost:4317': 'http://localhost:4317',
    'https://collector.example:443': 'https://collector.example:443',
    'HTTP://jaeger:4317/': 'http://jaeger:4317',
    jaeger: 'http://jaeger:4317',
    '[::1]:4317': 'http://[::1]:4317',
  };
  for (const [text, url] of Object.entries(taken)) {
    it(`takes ${text}`, () => assert.equal(parseOtlpUrl('otlp-url', text), url));
  }

  const refused = [
    '',
    'ftp://host:4317',
    'http://host:0',
    'host:65536',
    'http://host:4317/v1/traces',
    'http://u:p@host:1',
  ];
  for (const text of refused) {
    it(`refuses '${text}' and names the setting`, () => {
      assert.throws(
        () => parseOtlpUrl('otlp-url', text),
        (error) => error instanceof OtlpUrlError && error.message.startsWith('otlp-url: must be http://host:port'),
      );
    });
  }

  it('is checked before anything is opened', async () => {
    await assert.rejects(openTracing({ url: 'nowhere/4317', serviceName: 'test', attributes: {} }), OtlpUrlError);
  });
});
