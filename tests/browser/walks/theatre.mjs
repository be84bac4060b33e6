// Where most walks take place: nginx with the theatre's site, a gateway, a room over /buy.

import { startGateway } from '../kit/gateway.mjs';
import { startNginx } from '../kit/nginx.mjs';

/** The text of a room file over /buy that lets `perMinute` in. */
export const over = (perMinute, more = '') => `paths = ["/buy/*"]
${more}
[pace]
per_minute = ${perMinute}
[capacity]
active = 5000
`;

/** A theatre whose room `stalls` over /buy is open. */
export async function theatre(world, perMinute, more) {
  const site = await startNginx(world);
  const gateway = await startGateway(world, { origin: site.url, rooms: { stalls: over(perMinute, more) } });
  await gateway.room('open', 'stalls');
  return { site, gateway, room: 'stalls' };
}
