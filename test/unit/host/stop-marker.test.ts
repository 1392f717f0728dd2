// A node that was told to stop does not come back with the state that was wrong.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../services/host/config.js';
import { assertNotStopped, writeStopMarker } from '../../../services/host/stop-marker.js';

describe('stop marker', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'curpho-stop-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('keeps a node from starting until a person takes it away, and says why it was left', () => {
    const data = join(directory, 'r0');
    assertNotStopped(data);
    writeStopMarker(data, 'the state of r0 at slot 8 differs');
    assert.throws(
      () => assertNotStopped(data),
      (error: unknown) => {
        return (
          error instanceof ConfigError &&
          /told to stop: the state of r0 at slot 8 differs; .*stopped/.test(error.message)
        );
      },
    );
    rmSync(join(data, 'stopped'));
    assertNotStopped(data);
  });
});
