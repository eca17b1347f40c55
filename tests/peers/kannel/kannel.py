"""Kannel's bearerbox and smsbox as a client of the simulator's message centre: texts out over
smsbox's HTTP, texts in to a service that answers, receipts, enquire_link, the end of a bind.

Environment: PEERS_SIMULATOR the program, PEERS_DIR a folder for the run, PEERS_PORTS the ports, of
which the first is the message centre's. It leaves counts.json there: how many PDUs of each command
a capture must have.
"""

import http.server
import json
import os
import re
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

from process import READY_S, Process, free_port, listens
from smsc import SHORT_NUMBER, Smsc
from table import Table, until

PHONE = "+212661000001"
OTHER = "+212661000002"

ARABIC = "مرحبا، رقم تسجيلكم هو 104882317"
EXTENDED = "Prix: 5€ [ok] {a}~b|c^d\\e"
LONG = "Ceci est un long message, en plusieurs parties. " * 8
LONG_ARABIC = "وثائق الملف: بطاقة التعريف الوطنية وشهادة العمل. " * 5
REPLY = "Merci. Répondez 1 pour continuer."
REPLY_ARABIC = "تم. أجب 1 للمتابعة."

# Twice 10 parts of 5 texts out and 4 answers; a receipt for each text, and 5 parts of 4 texts in; each
# of three binds twice, asked from both sides.
LEAST = {
    "bind_transceiver": 2, "bind_receiver": 2, "bind_transmitter": 2, "submit_sm": 28, "submit_sm_resp": 28,
    "deliver_sm": 20, "deliver_sm_resp": 20, "enquire_link": 6, "enquire_link_resp": 6, "unbind": 6, "unbind_resp": 6,
}

# On a bind of its own a receipt can overtake its response, and then Kannel drops it.
RECEIPTS_MS = "300"

# What Kannel tells of a message: on the phone or never, taken or refused by the centre.
KANNEL_DELIVERED, KANNEL_FAILED = 1, 2
KANNEL_TAKEN, KANNEL_REFUSED = 8, 16


class Service:
    """What smsbox calls: the service behind the short number, and where receipts are told."""

    def __init__(self):
        self.texts, self.receipts = [], []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                # %b is the text in the octets that it came in.
                fields = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, encoding="latin-1"))
                body, coding = b"", "0"
                if url.path == "/text":
                    arabic = fields["coding"] == "2"
                    text = fields["text"].encode("latin-1").decode("utf-16-be" if arabic else "utf-8")
                    service.texts.append((fields["from"], fields["to"], text))
                    body = (REPLY_ARABIC if arabic else REPLY).encode()
                    coding = "2" if arabic else "0"
                elif url.path == "/receipt":
                    service.receipts.append((fields["of"], int(fields["state"])))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Kannel-Coding", coding)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def states(self, of):
        return sorted(state for each, state in self.receipts if each == of)

    def close(self):
        self.server.shutdown()


class Kannel:
    """bearerbox and smsbox, in this order. `binds` are the lines that make each bind what it is."""

    def __init__(self, folder, service, binds):
        self.binds, self.send, self.admin = len(binds), free_port(), free_port()
        box = free_port()
        with open(os.path.join(os.path.dirname(__file__), "kannel.conf"), encoding="utf-8") as template:
            config = template.read()
        # A bind is a group, and groups are parted by blank lines.
        group = next(group for group in config.split("\n\n") if "@BIND@" in group)
        config = config.replace(group, "\n\n".join(group.replace("@BIND@", bind) for bind in binds))
        for word, value in (
            ("ADMIN", self.admin), ("BOX", box), ("SEND", self.send), ("HTTP", service.port), ("DIR", folder),
        ):
            config = config.replace(f"@{word}@", str(value))
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "kannel.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        self.bearerbox = Process("bearerbox.out", ["bearerbox", path], folder)
        until(READY_S, lambda: listens(box))
        self.smsbox = Process("smsbox.out", ["smsbox", path], folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.smsbox.stop()
        self.bearerbox.stop()

    def status(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/status.txt", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def online(self, seconds=READY_S):
        """Waits until the binds stand and smsbox takes messages."""
        def look():
            bound = re.findall(r"simulator.*\(online", self.status())
            return True if len(bound) == self.binds and listens(self.send) else None

        return until(seconds, look)

    def sendsms(self, text, of, receipt_url, **fields):
        """Sends over smsbox's HTTP; the status of its answer."""
        fields = {
            "username": "sample", "password": "sample", "from": SHORT_NUMBER, "to": PHONE, "text": text,
            "charset": "UTF-8", "dlr-mask": str(KANNEL_DELIVERED | KANNEL_FAILED | KANNEL_TAKEN | KANNEL_REFUSED),
            "dlr-url": f"{receipt_url}?of={of}&state=%d", **fields,
        }
        query = urllib.parse.urlencode(fields)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.send}/cgi-bin/sendsms?{query}", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


def out(table, smsc, kannel, service, mode):
    """Texts out: each is on the phone as it was written, and its receipts reach the dlr-url."""
    for what, text, coding, parts in (
        ("GSM 7-bit", "Votre numéro: 104882317", "0", 1),
        ("the extension table", EXTENDED, "0", 1),
        ("UCS-2", ARABIC, "2", 1),
        ("long", LONG, "0", 3),
        ("long UCS-2", LONG_ARABIC, "2", 4),
    ):
        of = f"{mode}-{what.replace(' ', '-')}"
        table.expect(f"{mode}, sendsms, {what}", 202, kannel.sendsms(text, of, f"http://127.0.0.1:{service.port}/receipt", coding=coding))
        table.expect(f"{mode}, submit_sm, {what}: on the phone", (SHORT_NUMBER, text), smsc.read(PHONE))
        # Of a long text Kannel asks for a receipt for its last part only.
        expected = [KANNEL_DELIVERED, KANNEL_TAKEN]
        until(10, lambda: True if service.states(of) == expected else None)
        table.expect(f"{mode}, receipts, {what}: taken by the centre, delivered", expected, service.states(of))


def came_in(table, smsc, service, mode):
    """Texts in to the service, and its answers back to the phone."""
    for what, text, reply in (
        ("GSM 7-bit", f"TNS BE740215 {mode}", REPLY),
        ("UCS-2", f"مساعدة {mode}", REPLY_ARABIC),
        ("long", f"TNS {mode} " + "A" * 200, REPLY),
    ):
        before = len(service.texts)
        table.expect(f"{mode}, deliver_sm, {what}: taken", None, smsc.text(OTHER, text))
        until(10, lambda: True if len(service.texts) > before else None)
        # Kannel knows the sender as international and writes the + again.
        table.expect(f"{mode}, deliver_sm, {what}: at the service", [(OTHER, SHORT_NUMBER, text)], service.texts[before:])
        table.expect(f"{mode}, deliver_sm, {what}: the answer on the phone", (SHORT_NUMBER, reply), smsc.read(OTHER))


def enquiries(folder):
    """How often bearerbox asked whether the centre is there, and was answered."""
    with open(os.path.join(folder, "bearerbox.log"), encoding="utf-8", errors="replace") as log:
        return len(re.findall(r"type_name: enquire_link_resp", log.read()))


def play(table, smsc, service, mode, binds):
    folder = os.path.join(os.environ["PEERS_DIR"], mode)
    with Kannel(folder, service, binds) as kannel:
        table.expect(f"{mode}: bound", True, kannel.online())
        out(table, smsc, kannel, service, mode)
        came_in(table, smsc, service, mode)
        answered = until(10, lambda: True if enquiries(folder) > 0 else None)
        table.expect(f"{mode}: enquire_link is answered", True, answered)
        table.expect(f"{mode}: binds that answer the centre's enquire_link", len(binds), smsc.enquire())
        smsc.unbind()
        offline = until(10, lambda: True if not kannel.online(0) else None)
        table.expect(f"{mode}: unbind from the centre", True, offline)
        table.expect(f"{mode}: it binds again", True, kannel.online())
        table.expect(f"{mode}: a text after that: taken", None, smsc.text(OTHER, "TNS"))
        table.expect(f"{mode}: and answered", (SHORT_NUMBER, REPLY), smsc.read(OTHER))
        table.expect(f"{mode}: smsbox ends well", 0, kannel.smsbox.stop())
        table.expect(f"{mode}: bearerbox unbinds and ends well", 0, kannel.bearerbox.stop())


def main():
    table = Table("Kannel as client of the simulator's message centre")
    folder, port = os.environ["PEERS_DIR"], int(os.environ["PEERS_PORTS"].split()[0])
    with open(os.path.join(folder, "counts.json"), "w", encoding="utf-8") as file:
        json.dump({"least": LEAST}, file)
    service = Service()
    try:
        with Smsc(folder, port, "--receipts-ms", RECEIPTS_MS) as smsc:
            play(table, smsc, service, "transceiver", [f"port = {port}\ntransceiver-mode = true"])
            play(table, smsc, service, "two-binds", [f"port = {port}", f"receive-port = {port}"])
    except Exception as error:  # The table says it, whatever it is.
        table.expect("the run comes to its end", None, f"{type(error).__name__}: {error}")
    finally:
        service.close()
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
