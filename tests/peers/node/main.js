// node-smpp as the operator of a gateway. Environment: PEERS_JISR the program, PEERS_CONFIG its
// configuration with gaps, PEERS_DIR a folder for the run, PEERS_PORTS where centres listen. It leaves
// counts.json there: how many PDUs of each command were seen here, for the check of a capture.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const table = require('./table');

// The whole run; whatever waits has a bound of its own, this one is for what was forgotten.
const RUN_MS = 170_000;

async function main() {
  const dir = process.env.PEERS_DIR;
  const ports = process.env.PEERS_PORTS.split(' ').map(Number);
  const counts = await Promise.all([
    require('./sms').run(dir, ports.slice(0, 3)),
    require('./ussd').run(dir, ports.slice(3)),
  ]);
  const exact = {};
  for (const each of counts.flat()) {
    for (const [command, count] of Object.entries(each)) exact[command] = (exact[command] ?? 0) + count;
  }
  fs.writeFileSync(path.join(dir, 'counts.json'), JSON.stringify({ exact }));
}

table.within(RUN_MS, 'the run', main())
  .catch((error) => table.expect('the run comes to its end', 'no error', error.stack))
  .finally(() => process.exit(table.close('node-smpp as message centre') === 0 ? 0 : 1));
