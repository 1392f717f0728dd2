// A writable stream that keeps what it is told.

import { Writable } from 'node:stream';

/** Collects text. */
export class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
