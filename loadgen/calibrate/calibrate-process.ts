// A child process of a calibration: the echo or the driver, whichever it is asked to be. Not meant to be started by hand.

import type { CalibrationReply, CalibrationRequest } from './calibrate.js';
import { driveFrames, measureTimers } from './frame-driver.js';
import { openFrameEcho } from './frame-echo.js';

async function answer(request: CalibrationRequest): Promise<CalibrationReply> {
  switch (request.kind) {
    case 'echo':
      return { kind: 'address', address: (await openFrameEcho()).address };
    case 'drive':
      return { kind: 'figures', figures: await driveFrames(request.address, request.step) };
    case 'timers':
      return { kind: 'timers', timers: await measureTimers() };
  }
}

function reply(message: CalibrationReply): void {
  process.send?.(message);
}

process.on('message', (request: CalibrationRequest) => {
  answer(request).then(reply, (error: unknown) => {
    reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
});
// The terminal signals the whole group: the parent decides what an interrupt means, and its end is ours.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
