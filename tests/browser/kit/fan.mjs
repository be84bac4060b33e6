// Fans without a browser: JSON over HTTP, tokens in headers.

import assert from 'node:assert/strict';
import { ask } from './http.mjs';

export class Fan {
  #queue = null;

  constructor(gateway, room) {
    Object.assign(this, { gateway, room });
  }

  /** Joins in its two steps and gives the standing. */
  async join() {
    const first = await this.send('POST', 'join');
    assert.equal(first.status, 202, first.text);
    const joined = await this.send('POST', 'join');
    assert.equal(joined.status, 200, joined.text);
    return joined.json();
  }

  /** One request to the room's own URLs; keeps the queue token of the answer. */
  async send(method, what) {
    const headers = { accept: 'application/json', ...this.tokens() };
    const answer = await ask(this.gateway.own(this.room, what), { method, headers });
    const said = answer.headers['content-type'] === 'application/json' ? answer.json() : {};
    this.#queue = said.queue_token ?? this.#queue;
    this.admission = said.admission_token ?? this.admission;
    return answer;
  }

  /** The headers that carry what this fan holds. */
  tokens() {
    const tokens = {};
    if (this.#queue) tokens['anteroom-queue'] = this.#queue;
    if (this.admission) tokens['anteroom-admission'] = this.admission;
    return tokens;
  }
}

/** Puts `count` fans into the line of `room`, one after another. */
export async function queueUp(gateway, room, count) {
  const fans = Array.from({ length: count }, () => new Fan(gateway, room));
  for (const fan of fans) await fan.join();
  return fans;
}
