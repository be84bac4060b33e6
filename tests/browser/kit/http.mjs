// Requests as an app makes them: nothing is added, nothing followed, nothing kept.

import { request } from 'node:http';

/**
 * Sends one request; the answer has `status`, `headers` (lower case), `text` and `json()`.
 * `path` stands in for the URL's own, byte for byte.
 */
export function ask(url, { method = 'GET', headers = {}, body, path } = {}) {
  return new Promise((done, failed) => {
    const sent = request(url, { method, headers, agent: false, ...(path && { path }) }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', failed);
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        done({ status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) });
      });
    });
    sent.setTimeout(15_000, () => sent.destroy(new Error(`no answer from ${url}`)));
    sent.on('error', failed);
    sent.end(body);
  });
}
