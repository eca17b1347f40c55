"""Schemathesis against a running gateway: requests that its OpenAPI document allows, and requests
that it does not, on both listeners, with every check that there is.

A seed makes a run again: PEERS_SEED=1 tests/peers/run schemathesis
"""

import os
import random
import re
import subprocess
import sys

from gateway import Gateway
from table import Table

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMATHESIS = os.environ["PEERS_SCHEMATHESIS"]
# Of one operation; and seconds of a run.
EXAMPLES_MAX = 100
SECONDS = {"callbacks": 30, "xml": 8, "administration": 12}
# The credentials of the link `guarded`; the others pass them over.
HEADERS = {"Authorization": "Bearer a-sample-token-of-the-peers", "x-api-key": "a-sample-key-of-the-peers"}
CALLBACKS, XML = "^/(ussd|sms)/", "^/ussd/xml$"
# In XML every value is text and what it cannot hold is left out when it is written, so that a wrong
# type or a control character never arrives as one.
NOT_FOR_XML = "negative_data_rejection"


def run(folder, name, port, seed, *selection):
    """What it says, and its exit code: 0 where it found nothing."""
    command = [
        SCHEMATHESIS, "--no-color", "--config-file", os.path.join(HERE, "schemathesis.toml"), "run", os.path.join(folder, "openapi.json"),
        "--url", f"http://127.0.0.1:{port}", *selection,
        "--checks", "all", "--mode", "all", "--seed", str(seed), "--workers", "1",
        "--max-examples", str(EXAMPLES_MAX), "--max-time", str(SECONDS[name]), "--request-timeout", "15",
    ]
    for header, value in HEADERS.items():
        command += ["-H", f"{header}: {value}"]
    with open(os.path.join(folder, f"{name}.log"), "w+", encoding="utf-8") as log:
        try:
            code = subprocess.run(command, cwd=folder, stdout=log, stderr=log, timeout=SECONDS[name] * 4).returncode
        except subprocess.TimeoutExpired:
            code = "it does not end"
        log.seek(0)
        return log.read(), code


def main():
    folder = os.environ["PEERS_DIR"]
    seed = int(os.environ.get("PEERS_SEED") or random.randrange(2**32))
    print(f"seed {seed}", flush=True)
    os.environ["PEERS_CONFIG"] = os.path.join(HERE, "jisr.toml")
    gateway = Gateway(os.path.join(folder, "gateway"), 0)
    table = Table("schemathesis")
    with gateway:
        document = gateway.get("/docs/openapi.json")
        with open(os.path.join(folder, "openapi.json"), "w", encoding="utf-8") as file:
            file.write(document)
        for name, port, selection in (
            ("callbacks", gateway.http, ("--include-path-regex", CALLBACKS, "--exclude-path-regex", XML)),
            ("xml", gateway.http, ("--include-path-regex", XML, "--exclude-checks", NOT_FOR_XML)),
            ("administration", gateway.admin, ("--exclude-path-regex", CALLBACKS)),
        ):
            said, code = run(folder, name, port, seed, *selection)
            tested = re.search(r"^  Tested: (\d+)", said, re.M)
            sent = re.search(r"(\d+) generated", said)
            table.expect(f"{name}: operations", re.compile("^[1-9]"), tested and tested[1])
            table.expect(f"{name}: requests", re.compile("^[1-9][0-9]{2}"), sent and sent[1])
            if not table.expect(f"{name}: what it finds", 0, code):
                print(said)
        table.expect("the gateway has gone on", "alive\n", gateway.get("/livez"))
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
