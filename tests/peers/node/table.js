// What was expected and what was seen, one line each, and the waits with their bounds.
'use strict';

const rows = [];

function shown(value) {
  if (value instanceof RegExp) return String(value);
  return typeof value === 'string' ? value : JSON.stringify(value) ?? 'nothing';
}

// Compares `seen` with a value, or with a pattern where `expected` is one. A difference does not
// end the run: the table at the end shows all of them.
function expect(what, expected, seen) {
  const well = expected instanceof RegExp
    ? typeof seen === 'string' && expected.test(seen)
    : shown(expected) === shown(seen);
  rows.push({ what, expected: shown(expected), seen: shown(seen), well });
}

// Waits until `look` gives something else than undefined, at most `ms`; undefined after that.
async function until(ms, look) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() >= end) return undefined;
    await new Promise((go) => setTimeout(go, 20));
  }
}

// A promise that fails after `ms` in place of waiting for ever.
function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function clip(text) {
  const line = text.replace(/\n/g, '/');
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

// Prints the table; the number of differences.
function close(title) {
  console.log(`\n${title}`);
  for (const row of rows) {
    console.log(`  ${row.well ? 'ok    ' : 'FAILED'}  ${row.what}: ${clip(row.well ? row.seen : `expected ${row.expected}`)}`);
    if (!row.well) console.log(`          seen ${row.seen}`);
  }
  const failed = rows.filter((row) => !row.well).length;
  console.log(`${rows.length - failed} passed, ${failed} failed`);
  return failed;
}

module.exports = { close, expect, until, within };
