// A shop that speaks with Anteroom: its payment page asks for time, its last page completes the
// session.

import { once } from 'node:events';
import { createServer } from 'node:http';

/** How long a payment may take, in seconds. */
export const PAYMENT = 1200;

/** What its pages say, by path. */
export const SHOP = {
  '/buy/seats': 'Choose your seats in the stalls.',
  '/buy/pay': 'Your seats are kept while you pay.',
  '/buy/done': 'Thank you: your tickets are booked.',
};

const NEXT = {
  '/buy/seats': '<form method="get" action="/buy/pay"><button>Pay for these seats</button></form>',
  '/buy/pay': '<form method="post" action="/buy/done"><button>Pay now</button></form>',
  '/buy/done': '',
};
const WORDS = { '/buy/pay': `hold=${PAYMENT}`, '/buy/done': 'complete' };

/** Starts it; `visits` are the path and the session of every request that reached it. */
export async function startShop(world) {
  const visits = [];
  const server = createServer((asked, answer) => {
    const { pathname } = new URL(asked.url, 'http://shop');
    visits.push({ path: pathname, session: asked.headers['anteroom-session-id'] });
    asked.resume();
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    if (WORDS[pathname]) answer.setHeader('anteroom-session', WORDS[pathname]);
    answer.end(page(SHOP[pathname] ?? 'The shop.', NEXT[pathname] ?? ''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.atEnd(async () => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, visits };
}

function page(words, next) {
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>' +
    '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>' +
    `<body><h1>Shop</h1><p>${words}</p>${next}</body></html>`
  );
}
