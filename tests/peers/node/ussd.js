// USSD over SMPP: whole journeys from the dial to the last screen in each dialect, over one gateway
// with a link for each. The table is written from the operators' documents, not from the gateway.
'use strict';

const path = require('node:path');
const smpp = require('smpp');
const { Centre } = require('./centre');
const { Gateway } = require('./gateway');
const { expect } = require('./table');

// A sample person of the sandbox, on the phone that the registry knows.
const AMINA = '+212661000001';
const CODE = '*580#';
const NUMBER = '104882317';
const BIND_MS = 10_000;
// How many screens a journey may have.
const STEPS_MAX = 14;
// So long nothing may come back to what wants no answer.
const NOTHING_MS = 500;

const GSM7 = 0x0f;
const UCS2 = 0x48;

// new: the operation of a dial. next: that of an answer of the subscriber. wait, end: of screens.
// abort: of an end by the subscriber; none where there is no such thing. confirm: what the operator
// sends after the last screen. by: where the session's id stands. endBit: whether bit 0 of
// its_session_info marks the last screen. code: where the dialled code stands.
const DIALECTS = {
  default: { new: 0x01, next: 0x02, wait: 0x02, end: 0x02, abort: 0x11, by: 'its_session_info', endBit: true, code: 'address' },
  sixdee: { new: 0x01, next: 0x12, wait: 0x02, end: 0x17, abort: 0x81, by: 'its_session_info', endBit: true, code: 'text' },
  mica: { new: 0x01, next: 0x12, wait: 0x02, end: 0x17, abort: 0x81, by: 'user_message_reference', code: 'text' },
  pssr: { new: 0x01, next: 0x12, wait: 0x02, end: 0x11, by: 'its_session_info', code: 'address' },
  notify: { new: 0x01, next: 0x12, wait: 0x02, end: 0x03, confirm: 0x13, by: 'user_message_reference', code: 'text' },
};

// What a person answers to each screen, by what it says; the first that fits.
const ANSWERS = [
  [/C'est juste/, '1'],
  [/Langue/, '2'],
  [/Mes données/, '1'],
  [/Continuer votre demande/, '2'],
  [/Que voulez-vous/, '1'],
  [/Quelle carte/, '1'],
  [/numéro de la carte/i, 'BE740215'],
  [/expir/i, '14/06/2031'],
  [/naissance/i, '5 mars 1984'],
];

// One phone in one session of one dialect.
class Phone {
  constructor(centre, dialect, session) {
    this.centre = centre;
    this.dialect = dialect;
    this.session = session;
  }

  // its_session_info with bits 7 to 1 as the session has them, or user_message_reference.
  parameters(op) {
    const id = this.dialect.by === 'its_session_info'
      ? { its_session_info: Buffer.from([this.session >> 8, this.session & 0xfe]) }
      : { user_message_reference: this.session };
    return { ussd_service_op: op, ...id };
  }

  send(op, text, to = '580') {
    return this.centre.deliver({
      source_addr_ton: 1, source_addr_npi: 1, source_addr: AMINA.slice(1),
      dest_addr_ton: 0, dest_addr_npi: 1, destination_addr: to, data_coding: GSM7,
      short_message: smpp.encodings.ASCII.encode(text), ...this.parameters(op),
    });
  }

  dial() {
    return this.dialect.code === 'address' ? this.send(this.dialect.new, '', CODE) : this.send(this.dialect.new, CODE);
  }

  // A screen as text, `end` where it is the last, and everything about it that is wrong.
  async screen() {
    const pdu = await this.centre.screen();
    if (!pdu) return { text: 'no screen', end: true, wrong: ['no screen'] };
    const wrong = [];
    const { wait, end, by, endBit } = this.dialect;
    const info = pdu.its_session_info;
    const bit = info ? info[1] & 1 : 0;
    const last = wait === end ? bit === 1 : pdu.ussd_service_op === end;
    if (![wait, end].includes(pdu.ussd_service_op)) wrong.push(`op ${pdu.ussd_service_op}`);
    const session = by === 'its_session_info' ? info?.readUInt16BE(0) & 0xfffe : pdu.user_message_reference;
    if (session !== this.session) wrong.push(`session ${session}`);
    if (by === 'its_session_info' && bit !== (last && endBit ? 1 : 0)) wrong.push(`end bit ${bit}`);
    if (`+${pdu.destination_addr}` !== AMINA) wrong.push(`to ${pdu.destination_addr}`);
    if (![GSM7, UCS2].includes(pdu.data_coding)) wrong.push(`data_coding ${pdu.data_coding}`);
    const { message } = pdu.short_message;
    // node-smpp knows no name for 0x0f and leaves its octets alone.
    const text = Buffer.isBuffer(message) ? smpp.encodings.ASCII.decode(message) : message;
    if ((pdu.data_coding === UCS2 ? text.length > 80 : text.length > 182)) wrong.push(`${text.length} characters`);
    return { text, end: last, wrong };
  }
}

// From the dial to the last screen; its text.
async function journey(name, phone) {
  const statuses = new Set([await phone.dial()]);
  const wrong = [];
  let screen = await phone.screen();
  let steps = 1;
  wrong.push(...screen.wrong);
  while (!screen.end && steps < STEPS_MAX) {
    const text = screen.text;
    const [, answer] = ANSWERS.find(([says]) => says.test(text)) ?? [text, 'no answer to this screen'];
    statuses.add(await phone.send(phone.dialect.next, answer));
    screen = await phone.screen();
    wrong.push(...screen.wrong);
    steps += 1;
  }
  expect(`${name}: each deliver_sm is taken`, [0], [...statuses]);
  expect(`${name}: operations, sessions, addresses, alphabets, lengths`, [], wrong);
  expect(`${name}: the last screen`, new RegExp(NUMBER), screen.text);
  expect(`${name}: it is an end`, true, screen.end);
}

async function speak(name, centre, sms, session) {
  const dialect = DIALECTS[name];
  await journey(name, new Phone(centre, dialect, session));
  if (dialect.confirm) {
    expect(`${name}: the confirmation is taken`, 0, await new Phone(centre, dialect, session).send(dialect.confirm, ''));
  }
  expect(`${name}: the number comes as a message to keep`, new RegExp(NUMBER), (await sms.read(AMINA))?.text);

  // Another session is left in the middle.
  const phone = new Phone(centre, dialect, session + 0x0100);
  await phone.dial();
  expect(`${name}: a new dial begins anew`, /Que voulez-vous/, (await phone.screen()).text);
  if (dialect.abort) {
    expect(`${name}: an abort is taken`, 0, await phone.send(dialect.abort, ''));
  }
  const nothing = await centre.screen(NOTHING_MS);
  expect(`${name}: nothing comes back to what wants no answer`, undefined, nothing?.short_message);
}

async function run(dir, ports) {
  const names = Object.keys(DIALECTS);
  const centres = names.map(() => new Centre());
  await Promise.all(centres.map((centre, at) => centre.listen(ports[at])));
  const ussd = (name) => `\n[link.ussd]\ndialect = "${name}"\n`;
  const links = names.slice(1).map((name, at) => `
[[link]]
name = "peer-${name}"
kind = "smpp"
host = "127.0.0.1"
port = ${ports[at + 1]}
system_id = "jisr"
password = "secret"
services = ["tns"]
${ussd(name)}`);
  const gateway = await Gateway.make(path.join(dir, 'ussd'), ports[0], ussd(names[0]) + links.join(''));
  try {
    await gateway.start();
    for (const [at, name] of names.entries()) {
      await centres[at].bound(1, BIND_MS);
      // Messages go over the first link, whichever the callback came on.
      await speak(name, centres[at], centres[0], 0x0a10 + 0x1000 * at);
    }
    expect('USSD: nothing odd came to a centre', [], centres.flatMap((centre) => centre.odd));
    expect('USSD: SIGTERM ends it well', 0, await gateway.stop());
  } finally {
    await gateway.kill();
    for (const centre of centres) await centre.close();
  }
  return centres.map((centre) => centre.counts);
}

module.exports = { run };
