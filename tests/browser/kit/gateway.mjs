// The gateway under test: the real binary, its policies written out, steered through its CLI.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask } from './http.mjs';
import { freePorts, run, until } from './world.mjs';

const house = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The binary under test. */
export const BINARY = process.env.ANTEROOM_BIN ?? join(house, 'target/release/anteroom');
if (!existsSync(BINARY)) {
  console.error(`${BINARY} is not there: build it with \`cargo build --release\`, or name it in ANTEROOM_BIN`);
  process.exit(1);
}

const TOKEN = 'walk-control-token-0123456789abcdef';

/**
 * Starts a gateway in front of `origin`. `rooms` maps names to the TOML of their files, without
 * name and site. Rooms are left as they start: closed.
 */
export async function startGateway(world, { origin, rooms }) {
  const policies = join(world.dir, 'policies');
  const keys = await makeKeys(world);
  return start(world, policies, { origin, rooms, keys, store: 'embedded:./data' });
}

/** Starts two gateways that share the keys, the rooms and the Redis at `store`. */
export async function startPair(world, { origin, rooms, store }) {
  const keys = await makeKeys(world);
  const folders = ['first', 'second'].map((name) => join(world.dir, name));
  return Promise.all(folders.map((policies) => start(world, policies, { origin, rooms, keys, store })));
}

async function makeKeys(world) {
  const keys = join(world.dir, 'keys');
  await run(BINARY, ['keys', 'generate', '--dir', keys]);
  return keys;
}

async function start(world, policies, { origin, rooms, keys, store }) {
  const [publicPort, controlPort] = await freePorts(2);
  const url = `http://127.0.0.1:${publicPort}`;
  mkdirSync(join(policies, 'rooms'), { recursive: true });
  writeFileSync(
    join(policies, 'anteroom.toml'),
    `[listen]
public = ["127.0.0.1:${publicPort}"]
control = "127.0.0.1:${controlPort}"
[store]
url = "${store}"
[keys]
dir = "${keys}"
[[site]]
name = "theatre"
hosts = ["127.0.0.1"]
origin = ["${origin}"]
`,
  );
  for (const [name, text] of Object.entries(rooms)) {
    writeFileSync(join(policies, 'rooms', `${name}.toml`), `name = "${name}"\nsite = "theatre"\n${text}`);
  }
  const program = world.start(BINARY, ['run', '--policies', policies], { ANTEROOM_CONTROL_TOKEN: TOKEN });
  const gateway = new Gateway(url, `http://127.0.0.1:${controlPort}`, TOKEN);
  await gateway.up(program);
  return gateway;
}

/** Starts the demo on free ports. */
export async function startDemo(world, options) {
  const [publicPort, controlPort, originPort] = await freePorts(3);
  const at = (port) => `127.0.0.1:${port}`;
  const listen = ['--public', at(publicPort), '--control', at(controlPort), '--origin', at(originPort)];
  const args = ['demo', ...listen, '--data', join(world.dir, 'demo'), ...options];
  const program = world.start(BINARY, args, { ANTEROOM_CONTROL_TOKEN: TOKEN });
  const gateway = new Gateway(`http://${at(publicPort)}`, `http://${at(controlPort)}`, TOKEN);
  await gateway.up(program);
  return gateway;
}

export class Gateway {
  constructor(url, control, token) {
    Object.assign(this, { url, control, token });
  }

  async up(program) {
    await until('the gateway', async () => {
      if (program.ended) throw new Error(program.lastWords());
      const ready = await ask(`${this.control}/readyz`).catch(() => null);
      return ready?.status === 200;
    });
  }

  /** `anteroom room …`, as an operator types it. */
  room(...words) {
    const env = { ANTEROOM_CONTROL: this.control, ANTEROOM_CONTROL_TOKEN: this.token };
    return run(BINARY, ['room', ...words], env);
  }

  /** The value of one metric of a room; 0 where it does not stand. */
  async metric(name, room) {
    const headers = { authorization: `Bearer ${this.token}` };
    const { text } = await ask(`${this.control}/metrics`, { headers });
    const line = text.split('\n').find((line) => line.startsWith(`${name}{`) && line.includes(`room="${room}"`));
    return line ? Number(line.split(' ').pop()) : 0;
  }

  /** Where a room's own URLs stand. */
  own(room, what) {
    return `${this.url}/_anteroom/rooms/${room}/${what}`;
  }
}
