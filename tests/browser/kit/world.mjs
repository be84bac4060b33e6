// What one walk starts and leaves behind: programs, a temporary directory, browser windows.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How long a program may take to end by itself. */
const GRACE_MS = 5_000;

export class World {
  /** A directory of this walk's own, readable for a server that gives up its rights. */
  dir = mkdtempSync(join(tmpdir(), 'anteroom-walk-'));
  #programs = [];
  #endings = [];
  #over = false;

  constructor() {
    chmodSync(this.dir, 0o755);
  }

  /** Starts a program that runs until the walk ends. */
  start(command, args, env = {}) {
    if (this.#over) throw new Error('this walk is over');
    const program = new Program(command, args, env);
    this.#programs.push(program);
    return program;
  }

  /** Runs `ending` when the walk is over, before its programs are ended. */
  atEnd(ending) {
    this.#endings.push(ending);
  }

  /** The last words of every program, for a walk that failed. */
  said() {
    return this.#programs.map((program) => program.lastWords()).join('\n');
  }

  async end() {
    this.#over = true;
    for (const ending of this.#endings.splice(0).reverse()) await ending().catch(() => {});
    await Promise.all(this.#programs.splice(0).map((program) => program.end()));
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

class Program {
  output = '';

  constructor(command, args, env) {
    this.name = `${command} ${args.join(' ')}`;
    this.child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.gone = once(this.child, 'exit').then(
      ([code, signal]) => (this.ended = `ended with ${code ?? signal}`),
      (fault) => (this.ended = String(fault)),
    );
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (bytes) => (this.output += bytes));
    }
  }

  lastWords() {
    const lines = this.output.trimEnd().split('\n').slice(-15).join('\n');
    return `--- ${this.name}${this.ended ? ` ${this.ended}` : ''}\n${lines}`;
  }

  async end() {
    if (this.ended) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), GRACE_MS);
    await this.gone;
    clearTimeout(timer);
  }
}

/** Runs a command to its end and gives what it printed; a failure throws. */
export async function run(command, args, env = {}) {
  const program = new Program(command, args, env);
  const ended = await program.gone;
  if (ended !== 'ended with 0') throw new Error(program.lastWords());
  return program.output;
}

/**
 * `count` ports of 127.0.0.1 that nobody listens on. They lie below those which the system gives
 * to outgoing connections, so that none of these takes one before its server does.
 */
export async function freePorts(count) {
  const servers = [];
  while (servers.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await new Promise((done) => {
      server.once('listening', () => done(true));
      server.once('error', () => done(false));
    });
    if (free) servers.push(server);
  }
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** Asks `check` until it gives something, and says what was waited for if it never does. */
export async function until(what, check, seconds = 20) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await pause(50);
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
