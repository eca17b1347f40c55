// The gateway's program as a process of ours: started, asked, ended by its id.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { until, within } = require('./table');

const READY_MS = 15_000;
const STOP_MS = 10_000;

// A port of the loopback that is free now.
function freePort() {
  return new Promise((done, fail) => {
    const probe = net.createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

class Gateway {
  // `dir` gets the configuration and the store; `settings` are further lines of the SMPP link.
  static async make(dir, smppPort, settings = '') {
    const gateway = new Gateway();
    gateway.dir = dir;
    fs.rmSync(dir, { recursive: true, force: true });
    fs.mkdirSync(dir, { recursive: true });
    gateway.http = await freePort();
    do gateway.admin = await freePort(); while (gateway.admin === gateway.http);
    const template = fs.readFileSync(process.env.PEERS_CONFIG, 'utf8');
    const filled = template
      .replace('@HTTP@', gateway.http)
      .replace('@ADMIN@', gateway.admin)
      .replace('@SMPP@', smppPort);
    fs.writeFileSync(path.join(dir, 'jisr.toml'), filled + settings);
    return gateway;
  }

  async start() {
    const log = fs.openSync(path.join(this.dir, 'jisr.log'), 'a');
    // What is set for another gateway is not meant for this one.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('JISR_')),
    );
    this.child = spawn(process.env.PEERS_JISR, ['serve'], {
      cwd: this.dir, env, stdio: ['ignore', log, log],
    });
    fs.closeSync(log);
    this.ended = new Promise((done) => {
      this.child.once('error', () => done('not started'));
      this.child.once('exit', (code, signal) => done(signal ?? code));
    });
    const ready = await until(READY_MS, async () => ((await this.get('/readyz')) ? true : undefined));
    if (!ready) throw new Error(`the gateway is not ready; its last words:\n${this.lastWords()}`);
  }

  async get(page) {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.admin}${page}`, {
        signal: AbortSignal.timeout(2_000),
      });
      return answer.ok ? await answer.text() : undefined;
    } catch {
      return undefined;
    }
  }

  // How many messages are in each state, without the empty ones, as one line.
  async messages() {
    const metrics = (await this.get('/metrics')) ?? '';
    const counts = [...metrics.matchAll(/^jisr_messages\{state="(\w+)"\} (\d+)/gm)];
    return counts.filter(([, , count]) => count !== '0').map(([, state, count]) => `${state} ${count}`).sort().join(', ');
  }

  // A figure by its exact name and labels.
  async figure(name) {
    const metrics = (await this.get('/metrics')) ?? '';
    const line = metrics.split('\n').find((each) => each.startsWith(`${name} `));
    return line && Number(line.slice(name.length + 1));
  }

  // Asks it to end; its exit code or the signal that ended it.
  async stop() {
    this.child.kill('SIGTERM');
    return within(STOP_MS, 'the end of the gateway', this.ended);
  }

  async kill() {
    this.child?.kill('SIGKILL');
    return this.ended;
  }

  lastWords() {
    const log = fs.readFileSync(path.join(this.dir, 'jisr.log'), 'utf8');
    return log.split('\n').slice(-20).join('\n');
  }
}

module.exports = { Gateway, freePort };
