// A site with a WebSocket at every address, which says back what it hears.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What every page of it says. */
export const LIVE = 'Seats are shown as they go.';

/** Starts it; `handshakes` are the addresses of those that reached it. */
export async function startLive(world) {
  const handshakes = [];
  const server = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    answer.end(`<!doctype html><title>Live</title><link rel="icon" href="data:,"><p>${LIVE}</p>`);
  });
  server.on('upgrade', (asked, connection) => {
    handshakes.push(asked.url);
    const accept = createHash('sha1').update(asked.headers['sec-websocket-key'] + GUID).digest('base64');
    const words = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${accept}`];
    connection.write(`HTTP/1.1 101 Switching Protocols\r\n${words.join('\r\n')}\r\n\r\n`);
    connection.on('data', (frame) => echo(connection, frame));
    connection.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.atEnd(async () => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, handshakes };
}

/** Says one short text frame back, without its mask; anything else ends the connection. */
function echo(connection, frame) {
  const length = frame[1] & 0x7f;
  if (frame[0] !== 0x81 || length > 125 || frame.length !== 6 + length) return connection.end();
  const text = frame.subarray(6).map((byte, at) => byte ^ frame[2 + (at % 4)]);
  return connection.write(Buffer.concat([Buffer.from([0x81, length]), text]));
}
