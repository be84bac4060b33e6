// The site: Debian's nginx with many pages, which knows nothing of Anteroom. Its access log is
// the record of what reached it.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ask } from './http.mjs';
import { freePorts, until } from './world.mjs';

/** How many pages stand below /buy/. */
export const PAGES = 40;

/** What page `number` says, and nothing of Anteroom's does. */
export const words = (number) => `Box office window ${number}: the curtain rises at eight.`;

/** What the start page says. */
export const HOME = 'The Lighthouse Players, this season at the old theatre.';

/** Starts nginx; `seen()` gives the requests that reached it. */
export async function startNginx(world) {
  const dir = join(world.dir, 'nginx');
  const log = join(dir, 'access.log');
  const [port] = await freePorts(1);
  writeSite(join(dir, 'site'));
  writeFileSync(join(dir, 'nginx.conf'), configuration(dir, port));
  world.start('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', 'stderr']);
  const url = `http://127.0.0.1:${port}`;
  await until('nginx', () => ask(`${url}/`).catch(() => null));
  const seen = () => readFileSync(log, 'utf8').trim().split('\n').filter(Boolean).map(entry);
  return { url, seen, bought: () => seen().filter(({ target }) => target.startsWith('/buy')) };
}

function entry(line) {
  const { at, ...rest } = JSON.parse(line);
  return { at: Number(at) * 1000, ...rest };
}

function configuration(dir, port) {
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
events { worker_connections 512; }
http {
  log_format record escape=json '{"at":"$msec","method":"$request_method","target":"$request_uri",'
    '"status":$status,"agent":"$http_user_agent","cookie":"$http_cookie",'
    '"queue":"$http_anteroom_queue","admission":"$http_anteroom_admission"}';
  access_log ${dir}/access.log record;
  ${temps.map((name) => `${name}_temp_path ${dir}/${name};`).join('\n  ')}
  default_type "text/html; charset=utf-8";
  server {
    listen 127.0.0.1:${port};
    root ${dir}/site;
    location / { try_files $uri $uri.html $uri/index.html =404; }
  }
}
`;
}

function writeSite(root) {
  const put = (path, title, body) => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>` +
        `<link rel="icon" href="data:,"></head><body><h1>${title}</h1>${body}</body></html>\n`,
    );
  };
  const link = (number) => `<a href="/buy/page-${number}">window ${number}</a>`;
  const pages = Array.from({ length: PAGES }, (_, number) => number + 1);
  put('index.html', 'Theatre', `<p>${HOME}</p><p><a id="buy" href="/buy/page-7?x=1">Buy</a> <a href="/about">About</a></p>`);
  put('about.html', 'About', '<p>Founded by three lighthouse keepers.</p>');
  put('buy/index.html', 'Box office', `<p>${pages.map(link).join(' ')}</p>`);
  for (const number of pages) {
    put(`buy/page-${number}.html`, `Window ${number}`, `<p>${words(number)}</p><p>${link((number % PAGES) + 1)}</p>`);
  }
}
