"""smpplib as a client of the simulator's message centre: every kind of bind, texts out in both
alphabets, short and long, texts in, receipts, enquire_link, unbind.

Environment: PEERS_SIMULATOR the program, PEERS_DIR a folder for the run, PEERS_PORTS the ports, of
which the first is the message centre's. It reads no USSD: smpplib 2.2.4 raises KeyError on receiving
ussd_service_op. It leaves counts.json there: how many PDUs of each command a capture must have.
"""

import json
import os
import re
import socket
import sys
import threading
import time

from smpplib import client, consts, exceptions, gsm

from smsc import SHORT_NUMBER, Smsc
from table import Table

LOGIN = {"system_id": "jisr", "password": "secret"}
PHONE = "+212661000001"
OTHER = "+212661000002"

ARABIC = "مرحبا، رقم تسجيلكم هو 104882317"
EXTENDED = "Prix: 5€ [ok] {a}~b|c^d\\e"
# Twice 10 parts of 5 submits, with a receipt each, and 4 parts of 3 texts.
LEAST = {
    "bind_transceiver": 2, "bind_receiver": 1, "bind_transmitter": 1, "submit_sm": 20, "submit_sm_resp": 20,
    "deliver_sm": 28, "deliver_sm_resp": 28, "enquire_link": 2, "enquire_link_resp": 2, "unbind": 3, "unbind_resp": 3,
}

LONG = "Ceci est un long message, en plusieurs parties. " * 8
LONG_ARABIC = "وثائق الملف: بطاقة التعريف الوطنية وشهادة العمل. " * 5


class Esme:
    """A bind of smpplib, with what came on it."""

    def __init__(self, port, mode):
        self.sent, self.received, self.errors = {}, [], []
        self.client = client.Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
        self.client.set_message_sent_handler(
            lambda pdu: self.sent.__setitem__(pdu.sequence, pdu.message_id.decode())
        )
        self.client.set_message_received_handler(lambda pdu: self.received.append(pdu))
        self.client.set_error_pdu_handler(lambda pdu: self.errors.append((pdu.command, pdu.status)))
        self.client.connect()
        self.answer = getattr(self.client, f"bind_{mode}")(**LOGIN)

    def read(self, done, seconds=10):
        """Takes what comes until `done`, at most so long."""
        self.client._socket.settimeout(0.2)
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            try:
                self.client.read_once(auto_send_enquire_link=False)
            except socket.timeout:
                pass
        return done()

    def submit(self, to, text, coding=consts.SMPP_ENCODING_DEFAULT):
        """Sends a text as smpplib splits it; the ids that its parts got."""
        parts, coding, esm_class = gsm.make_parts(text, encoding=coding)
        sequences = [
            self.client.send_message(
                source_addr_ton=consts.SMPP_TON_UNK, source_addr_npi=consts.SMPP_NPI_ISDN,
                source_addr=SHORT_NUMBER, dest_addr_ton=consts.SMPP_TON_INTL,
                dest_addr_npi=consts.SMPP_NPI_ISDN, destination_addr=to[1:], short_message=part,
                data_coding=coding, esm_class=esm_class, registered_delivery=True,
            ).sequence
            for part in parts
        ]
        self.read(lambda: all(sequence in self.sent for sequence in sequences))
        return [self.sent.get(sequence) for sequence in sequences]

    def texts(self):
        return [pdu for pdu in self.received if pdu.esm_class & 0x3C == 0]

    def receipts(self):
        """Receipts as id and state."""
        found = []
        for pdu in self.received:
            if pdu.esm_class & 0x3C == 0x04:
                text = pdu.short_message.decode("ascii")
                found.append(re.search(r"^id:(\S+) .*stat:(\S+)", text).groups())
        return found

    def unbind(self):
        """Unbinds as the protocol has it; the answer's name."""
        answer = self.client.unbind()
        self.client.disconnect()
        return answer.command


def out(table, smsc, esme, receipts_to):
    """Submits of each kind; each is on the phone as it was written, and has its receipts."""
    ids = []
    for what, text, coding, parts in (
        ("GSM 7-bit", "Votre numéro: 104882317", consts.SMPP_ENCODING_DEFAULT, 1),
        ("the extension table", EXTENDED, consts.SMPP_ENCODING_DEFAULT, 1),
        ("UCS-2", ARABIC, consts.SMPP_ENCODING_ISO10646, 1),
        ("long, with a header", LONG, consts.SMPP_ENCODING_DEFAULT, 3),
        ("long UCS-2, with a header", LONG_ARABIC, consts.SMPP_ENCODING_ISO10646, 4),
    ):
        answered = esme.submit(PHONE, text, coding)
        ids += answered
        table.expect(f"submit_sm, {what}: parts answered", parts, sum(map(bool, answered)))
        table.expect(f"submit_sm, {what}: on the phone", (SHORT_NUMBER, text), smsc.read(PHONE))
    receipts_to.read(lambda: len(receipts_to.receipts()) >= len(ids))
    told = sorted(receipts_to.receipts())
    table.expect("a receipt for each part", sorted((each, "DELIVRD") for each in ids), told)


def came_in(table, smsc, esme):
    """Texts from a phone, short and long, in both alphabets."""
    for what, text, coding, parts in (
        ("GSM 7-bit", "TNS BE740215", 0, 1),
        ("UCS-2", "مساعدة", 8, 1),
        ("long", "A" * 200, 0, 2),
    ):
        before = len(esme.texts())
        # The centre says so once all parts are answered, so it is told while this side reads.
        said = []
        asking = threading.Thread(target=lambda: said.append(smsc.text(OTHER, text)))
        asking.start()
        esme.read(lambda: len(esme.texts()) >= before + parts and said)
        asking.join(15)
        new = esme.texts()[before:]
        table.expect(f"deliver_sm, {what}: taken", [None], said)
        table.expect(f"deliver_sm, {what}: parts and data_coding", [coding] * parts, [pdu.data_coding for pdu in new])
        octets = b"".join(pdu.short_message[6 if parts > 1 else 0:] for pdu in new)
        table.expect(f"deliver_sm, {what}: text", text, octets.decode("utf-16-be" if coding else "ascii"))


def enquire(table, esme):
    """enquire_link from this side: smpplib sends one after silence and takes the answer."""
    answers = []
    enquiry = client.smpp.make_pdu("enquire_link", client=esme.client)
    esme.client.send_pdu(enquiry)
    esme.client._socket.settimeout(5)
    answer = esme.client.read_pdu()
    answers.append((answer.command, answer.sequence == enquiry.sequence))
    table.expect("enquire_link is answered with its sequence", [("enquire_link_resp", True)], answers)


def asked(table, smsc, esme):
    """enquire_link from the centre."""
    answered = []
    asking = threading.Thread(target=lambda: answered.append(smsc.enquire()))
    asking.start()
    esme.read(lambda: bool(answered))
    asking.join(15)
    table.expect("binds that answered enquire_link", [1], answered)


def refused(table, port):
    """A wrong password is refused by its status."""
    esme = client.Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
    esme.connect()
    try:
        esme.bind_transceiver(system_id="jisr", password="wrong")
        status = "bound"
    except exceptions.PDUError as error:
        status = error.args[1]
    esme.disconnect()
    table.expect("a wrong password: ESME_RINVPASWD", consts.SMPP_ESME_RINVPASWD, status)


def main():
    table = Table("smpplib as client of the simulator's message centre")
    folder, port = os.environ["PEERS_DIR"], int(os.environ["PEERS_PORTS"].split()[0])
    with open(os.path.join(folder, "counts.json"), "w", encoding="utf-8") as file:
        json.dump({"least": LEAST}, file)
    with Smsc(folder, port) as smsc:
        try:
            refused(table, port)
            esme = Esme(port, "transceiver")
            table.expect("bind_transceiver", "bind_transceiver_resp", esme.answer.command)
            enquire(table, esme)
            asked(table, smsc, esme)
            out(table, smsc, esme, esme)
            came_in(table, smsc, esme)
            table.expect("no error", [], esme.errors)
            table.expect("unbind", "unbind_resp", esme.unbind())

            receiver = Esme(port, "receiver")
            table.expect("bind_receiver", "bind_receiver_resp", receiver.answer.command)
            sender = Esme(port, "transmitter")
            table.expect("bind_transmitter", "bind_transmitter_resp", sender.answer.command)
            out(table, smsc, sender, receiver)
            came_in(table, smsc, receiver)
            table.expect("nothing comes to the transmitter", [], sender.received)
            table.expect("unbind of the transmitter", "unbind_resp", sender.unbind())
            table.expect("unbind of the receiver", "unbind_resp", receiver.unbind())
        except Exception as error:  # The table says it, whatever it is.
            table.expect("the run comes to its end", None, f"{type(error).__name__}: {error}")
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
