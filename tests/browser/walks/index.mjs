// Every walk, by name.

import { breakWithoutScript, goingInByHand, takingABreak, withoutEvents } from './absence.mjs';
import { cookiesOff } from './cookies.mjs';
import { countdown, countdownWithoutScript } from './countdown.mjs';
import { withCurl, withJson } from './curl.mjs';
import { demo } from './demo.mjs';
import { headers } from './headers.mjs';
import { leaving, leavingWithoutScript, twoTabs } from './leave.mjs';
import { polyglots } from './polyglots.mjs';
import { withoutScript, withScript } from './queue.mjs';
import { everyPage } from './readable.mjs';
import { sale } from './sale.mjs';
import { socket } from './socket.mjs';

export const walks = [
  { name: 'queue to nginx with JavaScript', walk: withScript },
  { name: 'queue to nginx without JavaScript', walk: withoutScript },
  { name: 'demo from the home page to the checkout', walk: demo },
  { name: 'a whole sale on two gateways', walk: sale },
  { name: 'every page can be read', walk: everyPage },
  { name: 'countdown into the lobby', walk: countdown },
  { name: 'countdown without JavaScript', walk: countdownWithoutScript },
  { name: 'cookies off', walk: cookiesOff },
  { name: 'leave the line and join again', walk: leaving },
  { name: 'leave the line without JavaScript', walk: leavingWithoutScript },
  { name: 'two tabs, one place', walk: twoTabs },
  { name: 'take a break and come back', walk: takingABreak },
  { name: 'take a break without JavaScript', walk: breakWithoutScript },
  { name: 'the page polls where no event stream can be had', walk: withoutEvents },
  { name: 'go in by hand, with more time', walk: goingInByHand },
  { name: 'A8 a WebSocket opens inside and closes with the session', walk: socket },
  { name: 'W1 a message full of scripts runs none', walk: polyglots },
  { name: 'W2 W3 headers of every page', walk: headers },
  { name: 'queue to nginx with curl', walk: withCurl },
  { name: 'queue to nginx as a JSON app', walk: withJson },
];
