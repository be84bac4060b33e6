// A Redis of a walk's own, which keeps nothing.

import { connect } from 'node:net';
import { freePorts, until } from './world.mjs';

/** Starts it and gives its URL. */
export async function startRedis(world) {
  const [port] = await freePorts(1);
  const words = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', world.dir];
  const program = world.start('redis-server', words.map(String));
  await until('Redis', async () => {
    if (program.ended) throw new Error(program.lastWords());
    return answers(port);
  });
  return `redis://127.0.0.1:${port}`;
}

function answers(port) {
  return new Promise((done) => {
    const wire = connect(port, '127.0.0.1', () => wire.write('PING\r\n'));
    wire.once('data', (said) => done(String(said).startsWith('+PONG')));
    wire.once('error', () => done(false));
    wire.once('data', () => wire.destroy());
  });
}
