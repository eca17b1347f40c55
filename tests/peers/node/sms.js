// Messages between a message centre of node-smpp and the gateway's program: bind, texts in and out
// in both alphabets, long ones, receipts, enquire_link, the ends of a bind, a killed gateway.
'use strict';

const path = require('node:path');
const { Centre } = require('./centre');
const { Gateway } = require('./gateway');
const { expect, until } = require('./table');

// Sample people of the sandbox.
const AMINA = '+212661000001';
const DRISS = '+212661000003';
const NOBODY = '+212661999999';
const AMINA_ALL = 'TNS cin BE740215 14062031 05031984';
const REBIND_MS = 10_000;
// A message whose answer was lost with a killed process is final after a minute's grace and a second
// attempt; all others at once.
const FINAL_MS = 80_000;
// After so much silence the gateway asks whether the centre is there.
const IDLE_MS = 1_000;

// A gateway and a centre of their own for `play`, ended whatever comes of it.
async function together(dir, name, port, play, settings) {
  const centre = new Centre();
  await centre.listen(port);
  const gateway = await Gateway.make(path.join(dir, name), port, settings);
  try {
    await play(centre, gateway);
  } finally {
    await gateway.kill();
    await centre.close();
  }
  return centre.counts;
}

// How many PDUs of each command went over the wire in all.
async function run(dir, [port, quietPort, pairPort]) {
  return Promise.all([
    together(dir, 'sms', port, play),
    together(dir, 'pair', pairPort, pair, 'bind = "pair"\n'),
    together(dir, 'quiet', quietPort, quiet, `idle_ms = ${IDLE_MS}\n`),
  ]);
}

// One bind for each direction.
async function pair(centre, gateway) {
  await gateway.start();
  await centre.bound(2, REBIND_MS);
  expect('a pair of binds', ['bind_receiver', 'bind_transmitter'], [...centre.kinds].sort());
  expect('pair: a text on the one', [0], await centre.text(AMINA, AMINA_ALL));
  expect('pair: is answered on the other', /Langue/, (await centre.read(AMINA))?.text);
  expect('pair: a further text', [0], await centre.text(AMINA, '2'));
  expect('pair: is answered in two parts', 2, (await centre.read(AMINA))?.parts);
  await delivered(centre, gateway);
  expect('pair: SIGTERM ends it well', 0, await gateway.stop());
  expect('pair: both unbind', 2, centre.unbinds);
}

// Nothing is said: the gateway asks by itself.
async function quiet(centre, gateway) {
  await gateway.start();
  await centre.bound(1, REBIND_MS);
  const asked = await until(5 * IDLE_MS, () => (centre.enquiries > 0 ? true : undefined));
  expect('enquire_link from the gateway after silence', true, asked);
  expect('and the bind goes on', 1, centre.binds.length);
}

async function play(centre, gateway) {
  await gateway.start();
  expect('bind_transceiver, version 3.4', 'jisr secret 34', await centre.bound(1, REBIND_MS));
  expect('enquire_link from the centre', 'enquire_link_resp', await centre.enquire());

  await french(centre);
  await arabic(centre);
  await delivered(centre, gateway);
  await ends(centre, gateway);
  await killed(centre, gateway);
  await delivered(centre, gateway);
  expect('nothing odd came to the centre', [], centre.odd.filter((odd) => !odd.startsWith('error: ECONNRESET')));

  const unbinds = centre.unbinds;
  expect('SIGTERM ends it well', 0, await gateway.stop());
  expect('unbind from the gateway', 1, centre.unbinds - unbinds);
}

// French, GSM 7-bit, what is long in two parts; the languages are asked in Arabic as well.
async function french(centre) {
  expect('deliver_sm, GSM 7-bit', [0], await centre.text(AMINA, AMINA_ALL));
  const languages = await centre.read(AMINA);
  expect('the languages, in UCS-2', /اختر لغتك[^]*Langue/, languages?.text);
  expect('their data_coding', 8, languages?.coding);
  await centre.text(AMINA, '2');
  const terms = await centre.read(AMINA);
  expect('the terms, in GSM 7-bit', /3 Mes données\n0 Retour/, terms?.text);
  expect('their data_coding and parts', '0 2', `${terms?.coding} ${terms?.parts}`);
  await centre.text(AMINA, '1');
  const summary = await centre.read(AMINA);
  expect('what the first text said was kept', /BE740215[^]*14\/06\/2031[^]*05\/03\/1984/, summary?.text);
  await centre.text(AMINA, '1');
  expect('the number', /104882317/, (await centre.read(AMINA))?.text);

  const pdu = summary?.pdu;
  expect('addresses of submit_sm', '0/1 5800 1/1 212661000001',
    pdu && `${pdu.source_addr_ton}/${pdu.source_addr_npi} ${pdu.source_addr} ${pdu.dest_addr_ton}/${pdu.dest_addr_npi} ${pdu.destination_addr}`);
  expect('a receipt is asked for', 1, pdu?.registered_delivery);
  const life = pdu ? (pdu.validity_period - Date.now()) / 1_000 : 0;
  expect('validity_period is read as a time to come', true, life > 30 && life < 27 * 86_400);
}

// Arabic both ways, long both ways, each way of carrying what is long.
async function arabic(centre) {
  const far = ' '.repeat(170);
  expect('deliver_sm in two parts, the last first', [0, 0], await centre.text(DRISS, `TNS cin D3345${far}20012028 01071961`));
  await centre.read(DRISS);
  expect('deliver_sm, UCS-2, an Arabic digit', [0], await centre.text(DRISS, '١', { coding: 8 }));
  const terms = await centre.read(DRISS);
  expect('the terms in Arabic, in parts', true, terms?.coding === 8 && terms?.parts > 1 && /[\u0621-\u064a]/.test(terms.text));
  expect('deliver_sm with message_payload', [0], await centre.text(DRISS, '1', { way: 'payload' }));
  const summary = await centre.read(DRISS);
  expect('both parts were read', /D3345[^]*20\/01\/2028[^]*01\/07\/1961/, summary?.text);
  expect('deliver_sm with sar parameters, UCS-2', [0, 0, 0],
    await centre.text(DRISS, `١${' '.repeat(150)}`, { coding: 8, way: 'sar' }));
  expect('the outcome in Arabic', /3939/, (await centre.read(DRISS))?.text);
  expect('a wrong destination is refused with its status', 0x0b, await centre.deliver({
    source_addr_ton: 1, source_addr: NOBODY.slice(1), destination_addr: '9999', short_message: { message: 'TNS' }, data_coding: 0,
  }));
}

async function delivered(centre, gateway) {
  const sent = [...centre.phones.values()].flat().length;
  expect('every message was read', 0, sent);
  const parts = centre.submits.length;
  const final = await until(FINAL_MS, async () => ((/^delivered \d+$/).test(await gateway.messages()) ? gateway.messages() : undefined));
  expect('receipts bring every message to delivered', /^delivered [1-9]\d*$/, final ?? (await gateway.messages()));
  const forms = Object.keys(centre.receiptsSent).sort().join(' ');
  expect('forms of receipts that were sent', parts >= 6 ? 'decimal early padded text tlv twice' : /./, forms);
  expect('each receipt was taken', ['receipt 0'], [...centre.answers]);
}

// The ends of a bind: by the centre, in order and without a word. The gateway comes back.
async function ends(centre) {
  let binds = centre.binds.length;
  expect('unbind from the centre', 'unbind_resp', await centre.unbind());
  expect('it binds again after unbind', 'jisr secret 34', await centre.bound(binds + 1, REBIND_MS));
  binds = centre.binds.length;
  centre.cut();
  expect('it binds again after a cut', 'jisr secret 34', await centre.bound(binds + 1, REBIND_MS));
  expect('a text after that', [0], await centre.text(AMINA, '00'));
  expect('is answered', /Que voulez-vous/, (await centre.read(AMINA))?.text);
}

// kill -9 right after a text was taken, and the same text again as an operator does that did not
// see the answer: it is answered once.
async function killed(centre, gateway) {
  const binds = centre.binds.length;
  const [status] = await centre.text(AMINA, 'AIDE');
  await gateway.kill();
  expect('a text is taken, then kill -9', 0, status);
  await gateway.start();
  expect('a new process binds', 'jisr secret 34', await centre.bound(binds + 1, REBIND_MS));
  expect('the same deliver_sm again', [0], await centre.text(AMINA, 'AIDE'));
  expect('the text is answered', /3939/, (await centre.read(AMINA, 75_000))?.text);
  // A further text shows that nothing stands before its own answer. It is one that was not sent
  // before: without an id, equal octets after the end of their bind are a repeat for ten minutes.
  expect('a further text', [0], await centre.text(AMINA, '0 '));
  expect('its answer is the next message', /Que voulez-vous/, (await centre.read(AMINA))?.text);
}

module.exports = { run };
