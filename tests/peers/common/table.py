"""What was expected and what was seen, one line each, and waiting with a bound."""

import re
import time


class Table:
    def __init__(self, title):
        self.title = title
        self.rows = []

    def expect(self, what, expected, seen):
        """Compares `seen` with a value, or with a compiled pattern. A difference does not end the
        run: the table at the end shows all of them."""
        if isinstance(expected, re.Pattern):
            well = isinstance(seen, str) and expected.search(seen) is not None
            expected = f"/{expected.pattern}/"
        else:
            well = expected == seen
        self.rows.append((well, what, expected, seen))
        return well

    def close(self):
        """Prints all; the exit code of the run."""
        print(f"\n{self.title}")
        for well, what, expected, seen in self.rows:
            if well:
                print(f"  ok      {what}: {clip(seen)}")
            else:
                print(f"  FAILED  {what}: expected {expected!r}\n          seen {seen!r}")
        failed = sum(not well for well, *_ in self.rows)
        print(f"{len(self.rows) - failed} passed, {failed} failed", flush=True)
        return 0 if failed == 0 and self.rows else 1


def clip(value):
    line = str(value).replace("\n", "/")
    return line if len(line) <= 60 else line[:59] + "…"


def until(seconds, look):
    """Waits until `look` gives something else than None, at most so long; None after that."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() >= end:
            return None
        time.sleep(0.02)
