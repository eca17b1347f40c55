// A message centre made of node-smpp: it takes binds, keeps what is submitted for the phones, sends
// receipts in several forms, and hands over texts and USSD. What goes over the wire is written and
// read by node-smpp alone.
'use strict';

const smpp = require('smpp');
const { until, within } = require('./table');

const ANSWER_MS = 5_000;
const UDHI = 0x40;

// The forms in which receipts come, one after the other: all of them are seen at real operators.
const RECEIPTS = ['text', 'tlv', 'decimal', 'early', 'twice', 'padded'];

class Centre {
  constructor() {
    this.server = undefined;
    // The bind that texts and receipts go over.
    this.session = undefined;
    this.binds = [];
    this.kinds = [];
    this.submits = [];
    // What is submitted with ussd_service_op, as it came.
    this.screens = [];
    this.answers = new Set();
    this.phones = new Map();
    this.unfinished = new Map();
    this.enquiries = 0;
    this.unbinds = 0;
    this.odd = [];
    // How many PDUs of each command went over the wire, either way.
    this.counts = {};
    this.receiptsSent = {};
    // Two letters in it, so that no decimal number is meant by chance.
    this.lastId = 0xa000e;
    this.reference = 0;
  }

  async listen(port) {
    this.server = smpp.createServer((session) => this.serve(session));
    await within(ANSWER_MS, 'listening', new Promise((done, fail) => {
      this.server.once('error', fail);
      this.server.listen(port, '127.0.0.1', done);
    }));
  }

  serve(session) {
    const count = ({ command }) => { this.counts[command] = (this.counts[command] ?? 0) + 1; };
    session.on('pdu', count);
    session.on('send', count);
    session.on('error', (error) => this.odd.push(`error: ${error.code ?? error.message}`));
    session.on('close', () => {
      if (this.session === session) this.session = undefined;
    });
    for (const command of ['bind_transceiver', 'bind_receiver', 'bind_transmitter']) {
      session.on(command, (pdu) => {
        this.binds.push(`${pdu.system_id} ${pdu.password} ${pdu.interface_version.toString(16)}`);
        this.kinds.push(command);
        session.send(pdu.response({ system_id: 'node-smpp', sc_interface_version: 0x34 }));
        if (command !== 'bind_transmitter') this.session = session;
      });
    }
    session.on('submit_sm', (pdu) => this.submit(session, pdu));
    session.on('enquire_link', (pdu) => {
      this.enquiries += 1;
      session.send(pdu.response());
    });
    session.on('unbind', (pdu) => {
      this.unbinds += 1;
      session.send(pdu.response());
      session.close();
    });
    for (const command of ['generic_nack', 'unknown', 'deliver_sm', 'data_sm', 'query_sm']) {
      session.on(command, (pdu) => this.odd.push(`${command} status ${pdu.command_status}`));
    }
  }

  // Waits for a bind that lives, the `count`th of all.
  bound(count, ms) {
    return until(ms, () => (this.session && this.binds.length >= count ? this.binds.at(-1) : undefined));
  }

  submit(session, pdu) {
    this.lastId += 1;
    const id = this.lastId.toString(16);
    if (pdu.ussd_service_op !== undefined) {
      session.send(pdu.response({ message_id: id }));
      this.screens.push(pdu);
      return;
    }
    this.submits.push(pdu);
    const receipt = pdu.registered_delivery & 1 ? RECEIPTS[this.submits.length % RECEIPTS.length] : 'none';
    this.receiptsSent[receipt] = (this.receiptsSent[receipt] ?? 0) + 1;
    if (receipt === 'early') this.receipt(pdu, id, receipt);
    session.send(pdu.response({ message_id: id }));
    if (receipt !== 'early' && receipt !== 'none') this.receipt(pdu, id, receipt);
    if (receipt === 'twice') this.receipt(pdu, id, receipt);
    this.arrive(pdu);
  }

  receipt(pdu, id, form) {
    const written = {
      text: id, early: id.toUpperCase(), twice: id, decimal: String(this.lastId), padded: id.padStart(10, '0'), tlv: '',
    }[form];
    const text = `id:${written} sub:001 dlvrd:001 submit date:2611230900 done date:2611230901 stat:DELIVRD err:000 text:`;
    const parameters = form === 'tlv' ? { receipted_message_id: id, message_state: 2 } : {};
    this.session?.deliver_sm({
      source_addr_ton: 1, source_addr_npi: 1, source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr, esm_class: 0x04, data_coding: 0,
      short_message: { message: form === 'tlv' ? '' : text },
      ...parameters,
    }, (answer) => this.answers.add(`receipt ${answer.command_status}`));
  }

  // Puts the parts of a message together as a phone does, by the user data header.
  arrive(pdu) {
    const number = `+${pdu.destination_addr}`;
    const { message, udh } = pdu.short_message;
    const place = udh?.find((element) => element[0] === 0 && element.length === 5);
    if (!place) {
      this.inbox(number).push({ text: message, parts: 1, coding: pdu.data_coding, pdu });
      return;
    }
    const [, , reference, total, part] = place;
    const key = `${number} ${pdu.source_addr} ${reference} ${total}`;
    const parts = this.unfinished.get(key) ?? new Map();
    parts.set(part, message);
    this.unfinished.set(key, parts);
    if (parts.size === total) {
      this.unfinished.delete(key);
      const text = [...parts].sort(([a], [b]) => a - b).map(([, each]) => each).join('');
      this.inbox(number).push({ text, parts: total, coding: pdu.data_coding, pdu });
    }
  }

  inbox(number) {
    if (!this.phones.has(number)) this.phones.set(number, []);
    return this.phones.get(number);
  }

  // The oldest message of a phone that nobody has read.
  read(number, ms = 10_000) {
    return until(ms, () => this.inbox(number).shift());
  }

  // The oldest USSD screen that was not taken yet.
  screen(ms = 10_000) {
    return until(ms, () => this.screens.shift());
  }

  // Sends deliver_sm; the status of its answer.
  deliver(options) {
    return within(ANSWER_MS, 'the answer to a deliver_sm', new Promise((done, fail) => {
      const sent = this.session?.deliver_sm(options, (answer) => done(answer.command_status));
      if (!sent) fail(new Error('there is no bind to deliver on'));
    }));
  }

  // A text from a phone, in parts of `each` characters where it is longer; the statuses.
  async text(number, text, { coding = 0, each = coding === 8 ? 67 : 153, whole = coding === 8 ? 70 : 160, way = 'udh' } = {}) {
    const common = {
      source_addr_ton: 1, source_addr_npi: 1, source_addr: number.slice(1),
      dest_addr_ton: 0, dest_addr_npi: 1, destination_addr: '5800', data_coding: coding,
    };
    if (way === 'payload') return [await this.deliver({ ...common, message_payload: { message: text } })];
    if (text.length <= whole) return [await this.deliver({ ...common, short_message: { message: text } })];
    const total = Math.ceil(text.length / each);
    this.reference = (this.reference + 1) % 256;
    const statuses = [];
    // The last part first: parts take their own ways.
    for (let part = total; part >= 1; part -= 1) {
      const message = text.slice((part - 1) * each, part * each);
      const options = way === 'sar'
        ? { sar_msg_ref_num: this.reference, sar_total_segments: total, sar_segment_seqnum: part, short_message: { message } }
        : { esm_class: UDHI, short_message: { udh: Buffer.from([5, 0, 3, this.reference, total, part]), message } };
      statuses.push(await this.deliver({ ...common, ...options }));
    }
    return statuses;
  }

  enquire() {
    return within(ANSWER_MS, 'the answer to enquire_link', new Promise((done) => {
      this.session.enquire_link((answer) => done(answer.command));
    }));
  }

  unbind() {
    const session = this.session;
    this.session = undefined;
    return within(ANSWER_MS, 'the answer to unbind', new Promise((done) => {
      session.unbind((answer) => {
        done(answer.command);
        session.close();
      });
    }));
  }

  cut() {
    const session = this.session;
    this.session = undefined;
    session.destroy();
  }

  async close() {
    for (const session of [...this.server.sessions]) session.destroy();
    await new Promise((done) => this.server.close(done));
  }
}

module.exports = { Centre, UDHI };
