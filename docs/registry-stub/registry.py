#!/usr/bin/env python3
"""A registry for Jisr to start from. SAMPLE DATA ONLY: no person in it exists.

It serves the whole contract (docs/registry-openapi.yaml) with Python's standard library alone, and
keeps everything in memory. Copy it, and put your own systems behind the six functions of the class
Agency, each marked with REPLACE. Everything else is the contract and can stay.

    python3 registry.py --token-file token --people people.sample.csv
"""

import argparse
import csv
import datetime
import hashlib
import hmac
import json
import re
import secrets
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES_MAX = 16 * 1024
SECONDS_OF_SILENCE = 60  # longer than the gateway keeps an idle connection, which is 30 s
KEEP_ANSWERS = 30 * 24 * 3600  # seconds; the contract wants 30 days

REGISTRATION = re.compile(r"[0-9]{9}")
NUMBER = re.compile(r"[A-Z0-9]{2,12}")
PASSWORD = re.compile(r"[34679AC-HJKMNP-RT-Y]{12}")
KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
REVOCATIONS = re.compile(r"/v1/accounts/([^/]*)/revocations")


class Unavailable(Exception):
    """Raise it when a system behind cannot answer now: 503, and the gateway asks again later."""


class Malformed(Exception):
    """A field that does not fit: 400. Its text names the field and never its value."""


class Agency:
    """The agency's systems. Here: sample people of a CSV file, in memory."""

    def __init__(self, people):
        self.people = people  # by (id_type, id_number)
        self.accounts = {}  # by registration: generation, used, password's hash and salt
        self.revoked = {}  # by registration: the highest generation that was revoked
        self.answers = {}  # by idempotency key: time, mark of the body, answer
        self.lock = threading.Lock()

    def transaction(self):
        """REPLACE by a transaction of your database, committed when the block ends. It has to hold
        two openings of one person apart, also on two machines: the second one waits, or gets
        Unavailable. Here: one lock for all."""
        return self.lock

    def find(self, id_type, id_number):
        """REPLACE by a query: the person of a card, as one of `read_people`, or None."""
        return self.people.get((id_type, id_number))

    def answered(self, key):
        """REPLACE by a query: the mark of the body and the answer under this key, or None."""
        found = self.answers.get(key)
        return found and found[1:]

    def remember(self, key, mark, answer):
        """REPLACE by an insert, within the transaction of the opening; delete after 30 days."""
        now = time.time()
        for old in [old for old, kept in self.answers.items() if now - kept[0] > KEEP_ANSWERS]:
            del self.answers[old]
        self.answers[key] = (now, mark, answer)

    def open(self, registration, generation, password, email):
        """REPLACE by your accounts; keep the order. Returns opened, already or refused."""
        if self.revoked.get(registration, 0) >= generation:
            return "refused"
        person = next((p for p in self.people.values() if p["registration"] == registration), None)
        if person is None:
            return "refused"
        if person["account"]:
            return "already"
        if password is None:
            # Agreed as `registry.delivers_password = true`: make one, send it to the number on file.
            password = "".join(secrets.choice("34679ACDEFGHJKMNPQRTUVWXY") for _ in range(12))
        salt = secrets.token_bytes(16)
        slow = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
        # `used` becomes true when somebody enters the portal with it, which a stub does not have.
        account = {"generation": generation, "used": False, "hash": (salt, slow), "email": email}
        self.accounts[registration] = account
        person["account"] = True
        return "opened"

    def revoke(self, registration, generation):
        """REPLACE by your accounts: takes back exactly this generation, if it was never used."""
        account = self.accounts.get(registration)
        if account and (account["generation"] != generation or account["used"]):
            return
        if account:
            del self.accounts[registration]
            for person in self.people.values():
                if person["registration"] == registration:
                    person["account"] = False
        self.revoked[registration] = max(generation, self.revoked.get(registration, 0))


def read_people(path):
    """Sample people of the CSV file that `jisr import people` takes too."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    day = lambda text: datetime.datetime.strptime(text, "%d/%m/%Y").date().isoformat()
    people = {}
    for row in rows:
        person = {field: text.strip() or None for field, text in row.items()}
        person["expiry"], person["birth"] = day(row["expiry"]), day(row["birth"])
        person["account"] = row["account"] in ("yes", "oui", "true", "1")
        people[(row["id_type"], row["id_number"])] = person
    return people


def shown(person):
    """The person as the contract has it; what does not belong to a standing is left out."""
    own = {"registered": ["registration", "account"], "not_eligible": ["reason", "reason_text"]}
    named = ["standing", *own.get(person["standing"], []), "phone", "name", "address", "email"]
    return {field: person[field] for field in named}


def field(body, name, kind, fits, expected):
    """One field of a body, or Malformed."""
    value = body.get(name)
    # In Python true is a number too; in JSON it is none.
    if type(value) is not kind or not fits(value):
        raise Malformed(f"{name}: expected {expected}")
    return value


def log(*words):
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def is_day(text):
    try:
        return bool(DAY.fullmatch(text)) and bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def generation(body):
    return field(body, "generation", int, lambda n: 1 <= n <= 4294967295, "a whole number from 1")


def registration(body):
    return field(body, "registration", str, REGISTRATION.fullmatch, "nine digits")


class Handler(BaseHTTPRequestHandler):
    """The contract over HTTP."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "registry", ""
    timeout = SECONDS_OF_SILENCE
    wbufsize = 64 * 1024  # an answer leaves in one piece

    def do_POST(self):
        self.call = "other"
        try:
            body = self.body()
            if body is not None and self.is_allowed():
                self.route(body)
        except Malformed as error:
            self.problem(400, str(error))
        except Unavailable:
            self.problem(503, None, {"Retry-After": "5"})

    def route(self, body):
        again = REVOCATIONS.fullmatch(self.path)
        if self.path == "/v1/lookups":
            self.call = "lookup"
            return self.look_up(self.read(body))
        if self.path == "/v1/accounts":
            self.call = "open"
            return self.open(self.read(body))
        if again:
            self.call = "revoke"
            return self.revoke(registration({"registration": again.group(1)}), self.read(body))
        return self.problem(404)

    def look_up(self, body):
        id_type = field(body, "id_type", str, lambda t: t in ("cnie", "sejour"), "cnie or sejour")
        id_number = field(body, "id_number", str, NUMBER.fullmatch, "2 to 12 of A-Z, 0-9")
        expiry = field(body, "expiry", str, is_day, "yyyy-mm-dd")
        birth = field(body, "birth", str, is_day, "yyyy-mm-dd")
        person = self.server.agency.find(id_type, id_number)
        # The same work whether or not somebody was found: both dates are compared, then it is decided.
        known = person or {"expiry": "0001-01-01", "birth": "0001-01-01"}
        fits = [hmac.compare_digest(known["expiry"], expiry), hmac.compare_digest(known["birth"], birth)]
        if person is None or not all(fits):
            return self.answer(200, {"match": False})
        return self.answer(200, {"match": True, "person": shown(person)})

    def open(self, body):
        key = self.headers.get("Idempotency-Key", "")
        if not KEY.fullmatch(key):
            raise Malformed("Idempotency-Key: expected 1 to 128 of A-Z, a-z, 0-9, . _ : -")
        asked = [registration(body), generation(body), None, None]
        if "password" in body:
            expected = "twelve characters of its alphabet"
            asked[2] = field(body, "password", str, PASSWORD.fullmatch, expected)
        if "email" in body:
            asked[3] = field(body, "email", str, lambda t: 3 <= len(t) <= 254 and "@" in t, "an e-mail")
        # A keyed mark, so that the password is not kept where the answers are.
        mark = hmac.new(self.server.secret, json.dumps(asked).encode(), "sha256").digest()
        agency = self.server.agency
        with agency.transaction():
            before = agency.answered(key)
            if before and before[0] != mark:
                raise Malformed("Idempotency-Key: used before with another body")
            result = before[1] if before else agency.open(*asked)
            if not before:
                agency.remember(key, mark, result)
        return self.answer({"opened": 201, "already": 409, "refused": 422}[result], {"result": result})

    def revoke(self, number, body):
        agency = self.server.agency
        with agency.transaction():
            agency.revoke(number, generation(body))
        return self.answer(204)

    def body(self):
        """The bytes of the body; None after an answer that refuses it."""
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length):
            self.close_connection = True
            return self.problem(411)
        if int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            return self.problem(413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError("the gateway gave up within its request")
        return body

    def read(self, body):
        try:
            read = json.loads(body)
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise Malformed("body: expected a JSON object")
        return read

    def is_allowed(self):
        """Whether the call shows one of the tokens; answers 401 if not."""
        given = self.headers.get("Authorization", "").encode()
        fits = [hmac.compare_digest(given, b"Bearer " + token) for token in self.server.tokens]
        if not any(fits):
            self.problem(401, None, {"WWW-Authenticate": "Bearer"})
        return any(fits)

    def problem(self, status, detail=None, headers=()):
        title = self.responses[status][0] if status in self.responses else ""
        body = {"type": "about:blank", "title": title, "status": int(status)}
        if detail:
            body["detail"] = detail
        self.answer(status, body, headers, "application/problem+json")

    def answer(self, status, body=None, headers=(), kind="application/json"):
        text = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if body is not None:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
        self.wfile.flush()

    def do_GET(self):
        self.call, self.close_connection = "other", True
        self.problem(405, None, {"Allow": "POST"})

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def send_error(self, code, message=None, explain=None):
        """What http.server refuses by itself, such as a broken request line."""
        self.call, self.close_connection = "other", True
        self.request_version = "HTTP/1.1"
        self.problem(code)

    def log_request(self, code="-", size="-"):
        # No address, no path, no body: the time, which call, and how it was answered.
        log(self.call, int(code))

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def finish_request(self, request, client):
        # The handshake is made here, in the connection's own thread and within its time.
        if self.tls:
            request.settimeout(10)
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client)

    def handle_error(self, *_):
        # Its text could hold what was sent.
        log("connection ended:", sys.exc_info()[0].__name__)


def main():
    asked = argparse.ArgumentParser(description="A registry for Jisr with SAMPLE DATA, in memory.")
    say = asked.add_argument
    say("--listen", default="127.0.0.1:9090", metavar="HOST:PORT", help="port 0 takes a free one")
    say("--token-file", required=True, help="the token; a line each for the old and the new one")
    say("--people", required=True, help="CSV of sample people")
    say("--cert", help="this server's certificate, PEM; then it speaks TLS")
    say("--key", help="its private key, PEM")
    say("--client-ca", help="authority of the gateway's certificate, PEM; then it demands one")
    given = asked.parse_args()

    host, _, port = given.listen.rpartition(":")
    server = Server((host, int(port)), Handler)
    with open(given.token_file, encoding="ascii") as file:
        server.tokens = [token.encode() for token in file.read().split()]
    if not server.tokens:
        asked.error("the token file is empty")
    server.agency = Agency(read_people(given.people))
    server.secret = secrets.token_bytes(32)  # in your own registry: kept, apart from the database
    server.tls = None
    if given.cert:
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=given.client_ca)
        server.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        server.tls.load_cert_chain(given.cert, given.key)
        if given.client_ca:
            server.tls.verify_mode = ssl.CERT_REQUIRED
    scheme = "https" if server.tls else "http"
    print(f"registry with SAMPLE DATA on {scheme}://{host}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
