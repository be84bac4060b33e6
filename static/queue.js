/* Keeps the queue page true: asks where the visitor stands, shows it, and goes in at the turn.
   Plain old JavaScript, so that old phones can run it. Words come from anteroomTexts; words
   from the server are only ever set as text. */
(function () {
  'use strict';
  var T = window.anteroomTexts, doc = document, main = doc.getElementById('line');
  if (!T || !main || !window.JSON || !window.XMLHttpRequest) return;

  var rooms = main.getAttribute('data-rooms'), title = main.getAttribute('data-title');
  var timer = 0, due = 0, asking = null, failures = 0, placeless = 0, stopped = false;
  var scene = '', born = Date.now(), flash = 0, said = 0, saying = '', goal = 0, clock = 0;
  var stream = null, streamAt = 0, polls = false, gathered = false, me = String(Math.random()).slice(2), ends = 0, watch = 0, told = 0, beat = 0;

  var draw = seen('draw'), receipt = seen('receipt');

  function el(id) { return doc.getElementById(id); }
  function put(id, text) {
    var at = el(id);
    if (at.textContent !== text) at.textContent = text;
  }
  function seen(id) { return !el(id).hasAttribute('hidden'); }
  function see(id, yes) { if (yes) el(id).removeAttribute('hidden'); else el(id).setAttribute('hidden', ''); }
  function line(id, text) { put(id, text || ''); see(id, text); }

  /* Storage may be forbidden; then there is simply nothing kept. */
  function load(from, key) { try { return JSON.parse(window[from].getItem('anteroom.' + key)); } catch (e) { return null; } }
  function keep(to, key, value) {
    try {
      if (value === null) window[to].removeItem('anteroom.' + key);
      else window[to].setItem('anteroom.' + key, JSON.stringify(value));
    } catch (e) { /* not kept */ }
  }

  function num(n) { try { return n.toLocaleString(T.lang); } catch (e) { return String(n); } }
  function form(plural, n) { return (n === 1 ? plural.one : plural.other).replace('{n}', num(n)); }
  function quarters(n) {
    var h = Math.floor(n / 4), m = (n % 4) * 15, out = [];
    if (h) out.push(T.wait.hours.replace('{n}', h));
    if (m || !h) out.push(T.wait.quarters.replace('{n}', m));
    return out.join(' ');
  }
  function waitText(wait) {
    if (!wait.known) return T.wait.unknown;
    if (wait.high_s < 60) return T.wait.soon;
    var short = wait.high_s < 7200, unit = short ? 60 : 900;
    var low = Math.floor(wait.low_s / unit), high = Math.ceil(wait.high_s / unit);
    var pattern = low === 0 ? T.wait.up_to : low === high ? T.wait.about : T.wait.range;
    return pattern.replace('{a}', short ? low : quarters(low)).replace('{b}', short ? form(T.wait.minutes, high) : quarters(high));
  }
  /* Times in the visitor's own zone and manner. */
  function moment(id, iso, day) {
    var at = el(id), time = new Date(iso), text = iso;
    try {
      text = day
        ? time.toLocaleString([], { weekday: 'long', day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' })
        : time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
    } catch (e) { text = time.toString(); }
    at.setAttribute('datetime', iso);
    if (at.textContent !== text) at.textContent = text;
  }

  /* How long until something opens: by the server's clock, for this device's may be wrong, and
     counted on with one that nobody sets, from when the answer came. It was told in whole seconds. */
  function mono() { return window.performance && performance.now ? performance.now() : Date.now(); }
  function arrival() {
    var t = window.performance && performance.now && performance.timing;
    return t && t.responseStart ? t.responseStart - t.navigationStart : mono();
  }
  function count(s, now) {
    var lobby = now === 'before_lobby', at = lobby ? s.prequeue_opens_at : s.opens_at;
    var counts = at && (lobby || now === 'opening' || now === 'prequeue');
    clearInterval(clock);
    goal = 0;
    see('countdown', counts);
    if (!counts) return;
    goal = (s === first ? arrival() : mono()) + Date.parse(at) - Date.parse(s.updated_at) - 500;
    put('countdown-label', lobby ? T.times.lobby_in : T.times.opens_in);
    clock = setInterval(tick, 1000);
    tick();
  }
  function tick() {
    var left = Math.ceil((goal - mono()) / 1000), units = [86400, 3600, 60, 1], out = [], i, n;
    for (i = 0; i < 4 && out.length < 2; i += 1) {
      n = Math.floor(left / units[i]);
      left -= n * units[i];
      if (n > 0 || out.length) out.push(T.times.units[i].replace('{n}', n));
    }
    put('left', left >= 0 && out.length ? out.join(' ') : T.times.now);
  }

  function sceneOf(s) {
    if (s.sign_in) return 'sign_in';
    if (s.away_until && /^(waiting|paused|recovering)$/.test(s.state)) return 'away';
    if (s.state === 'released' && asksFirst()) return 'ready';
    if (s.state === 'waiting' && s.position === null) return 'first';
    if (s.state === 'closed' && s.prequeue_opens_at) return 'before_lobby';
    if (s.state === 'closed' && s.opens_at) return 'opening';
    if (s.state === 'ended' && s.ended_by === 'left') return 'left';
    if (s.state === 'ended' && s.ended_by === 'completed') return 'done';
    if (s.state === 'ended' && s.reason === 'sold_out') return 'sold_out';
    if (s.state === 'ended' && s.ended_by) return 'over';
    return s.state;
  }

  /* The least number ahead that any tab has shown in this turn, and the first one: a place
     never seems to get worse. Forgotten when there is no place. */
  function best(s) {
    var key = s.room + '.' + s.reference + '.' + (s.ended_by || ''), kept = load('localStorage', key);
    if (s.ahead === null) {
      if (kept && s.state !== 'closed') keep('localStorage', key, null);
      return null;
    }
    if (!kept || typeof kept.least !== 'number') kept = { first: s.ahead, least: s.ahead };
    if (s.ahead < kept.least) kept.least = s.ahead;
    keep('localStorage', key, kept);
    return kept;
  }

  function show(s) {
    var now = sceneOf(s), words = T.states[now], mark = best(s), changed = now !== scene;
    if (!words) return go();
    var inLine = /^(first|waiting|away|prequeue|drawing|paused|recovering)$/.test(now);
    var called = now === 'released' || now === 'ready';
    var lobby = now === 'prequeue', placed = inLine && !lobby && s.position !== null, ahead = placed ? mark.least : null;
    scene = now;
    main.setAttribute('data-scene', now);
    put('head', words.head);
    put('lead', words.lead);
    line('go', words.action);
    see('ahead', placed);
    if (placed) progress(ahead, mark.first);
    line('wait', now === 'waiting' ? waitText(s.wait) : '');
    see('wait-figure', now === 'waiting');
    line('in-line', placed || lobby ? num(s.waiting) : '');
    put('in-line-label', lobby ? T.crowd.lobby : T.crowd.line);
    see('in-line-figure', placed || lobby);
    count(s, now);
    see('lobby', now === 'before_lobby');
    if (s.prequeue_opens_at) moment('lobby-at', s.prequeue_opens_at, true);
    see('opens', s.opens_at && /^(before_lobby|opening|prequeue|ended|sold_out)$/.test(now));
    put('opens-label', now === 'ended' || now === 'sold_out' ? T.times.next : T.times.opens);
    if (s.opens_at) moment('opens-at', s.opens_at, true);
    see('claim', called && s.claim_by);
    if (s.claim_by) moment('claim-by', s.claim_by, false);
    line('lane', inLine && s.lane ? named(s.lane) : '');
    see('lane-figure', inLine && s.lane);
    line('share', inLine && s.lane_share && T.lane_share.replace('{share}', Math.round(s.lane_share * 1000) / 10));
    see('away', now === 'away');
    if (s.away_until) moment('away-until', s.away_until, false);
    countdown(now === 'ready' ? s.claim_by : now === 'away' ? s.away_until : null, s.updated_at);
    moment('updated', s.updated_at, false);
    line('again', now !== 'done' && now !== 'left' && again(T.again[s.ended_by], inLine));
    line('reason', (now === 'waiting' || now === 'first' && s.reason === 'recovering') && T.reasons[s.reason]);
    line('chance', placed && T.chances[s.chance]);
    put('message', s.message || '');
    see('word', s.message);
    put('reference', s.reference || '');
    see('code', s.reference);
    see('notes', inLine);
    see('leave', placed || lobby || called);
    draws(now, s, inLine && now !== 'first' || now === 'ended' || now === 'sold_out');
    if (el('redeem')) see('redeem', inLine && now !== 'away');
    if (el('break')) see('break', placed && now !== 'away' || called);
    if (el('more')) see('more', called);
    see('ask', placed && now !== 'away' || now === 'ready');
    tab(now, ahead, words);
    tell(sentence(words.head) + (placed ? aheadText(ahead) : words.lead), changed, ahead > 100 ? 60000 : 15000);
  }
  /* Whoever was in the lobby before the sale may check the draw, and afterwards has a receipt. A
     lobby without an opening to come is one of many, whose draws are not published each. */
  function draws(now, s, shows) {
    if (now === 'prequeue') gathered = !!s.opens_at;
    else if (gathered && shows) receipt = true;
    draw = draw || gathered;
    see('draw', draw && shows);
    see('receipt', receipt);
  }
  function again(end, inLine) { return end && inLine ? T.again.why + ' ' + end + ' ' + T.again.back : end; }
  /* A lane's name as people read it. */
  function named(lane) {
    var spaced = lane.replace(/-/g, ' ');
    return spaced.charAt(0).toUpperCase() + spaced.slice(1);
  }
  function aheadText(n) { return n === 0 ? T.next : num(n) + ' ' + form(T.ahead, n); }
  function progress(ahead, first) {
    var moved = first - ahead;
    put('number', ahead === 0 ? '' : num(ahead));
    put('label', ahead === 0 ? T.next : form(T.ahead, ahead));
    see('bar', first > 0);
    el('bar').value = first > 0 ? Math.max(2, Math.round(100 * moved / first)) : 100;
    line('moved', moved > 0 ? form(T.moved, moved) : '');
  }
  function tab(now, ahead, words) {
    var short = (now === 'waiting' || now === 'recovering') && ahead !== null
      ? (ahead === 0 ? T.next : form(T.tab_ahead, ahead)) : words.head;
    var calling = /^(released|ready|admitted)$/.test(now), on = false;
    clearInterval(flash);
    doc.title = short + ' \u00b7 ' + title;
    if (calling) flash = setInterval(function () {
      on = !on;
      doc.title = (on ? '\u25cf ' : '') + short;
    }, 1000);
  }
  /* The time that is left, by the server's clock. Spoken when it begins, and at one minute, half a
     minute and ten seconds; in between it only stands there. */
  function countdown(iso, updated) {
    var offset = new Date(updated) - Date.now(), at = iso ? new Date(iso) - offset : 0;
    if (Math.abs(at - ends) < 1500 && !!at === !!ends) return;
    ends = at;
    told = 0;
    clearInterval(watch);
    see('time-left', ends);
    if (!ends) return;
    watch = setInterval(remaining, 500);
    remaining();
  }
  function remaining() {
    var n = Math.max(0, Math.round((ends - Date.now()) / 1000)), m = Math.floor(n / 60), s = n % 60;
    var marks = [60, 30, 10], mark = 0, i;
    for (i = 0; i < marks.length; i += 1) if (n <= marks[i]) mark = marks[i];
    put('time-left', T.wishes.left.replace('{n}', m + ':' + (s < 10 ? '0' : '') + s));
    if (mark && mark !== told && n > 0) tell(T.wishes.left.replace('{n}', form(T.wait.seconds, n)), true);
    told = mark;
  }
  /* What a screen reader is told: changes of state at once, numbers at most every 15 seconds, and
     every minute far from the front. What the page said when it opened was read already. */
  function sentence(head) { return head + (/[.!?]$/.test(head) ? ' ' : '. '); }
  function tell(text, changed, pause) {
    var now = Date.now();
    if (text === saying || (!changed && now - said < pause)) return;
    if (saying) put('live', text);
    saying = text;
    said = now;
  }

  function ask(method, what, done, failed) {
    var x = new XMLHttpRequest();
    if (asking) { asking.onreadystatechange = null; asking.abort(); }
    asking = x;
    x.open(method, rooms + what, true);
    x.setRequestHeader('Accept', 'application/json');
    x.timeout = 20000;
    x.onreadystatechange = function () {
      var s = null;
      if (x.readyState !== 4) return;
      asking = null;
      try { s = JSON.parse(x.responseText); } catch (e) { /* no status */ }
      if (x.status === 200 && s && s.state) done(s);
      else failed(x.status, parseInt(x.getResponseHeader('Retry-After'), 10) || 0);
    };
    x.send();
  }
  /* Never later than told: the store expects this visitor by then, and the server has spread
     the times already. Nor earlier, where an opening is waited for. */
  function later(seconds, then) {
    var ms = seconds * 1000 * (goal ? 1 : 0.95 + 0.05 * Math.random());
    clearTimeout(timer);
    due = Date.now() + ms;
    timer = setTimeout(then || poll, ms);
  }
  function poll() {
    if (!stopped) ask('GET', 'status', answered, troubled);
  }

  /* Whoever wants to go in by hand is asked first, in this tab and the next. */
  function asksFirst() { return load('localStorage', 'ask.' + main.getAttribute('data-rooms')) === true; }

  /* Events, where the browser can: then the page of who has a place polls seldom, to keep its
     cookie fresh. In the lobby they tell of the opening, and its polls go on. One stream a browser:
     others would use up its few connections. Whatever goes wrong, polls go on. */
  function watches(s) { return s.position !== null || (!polls && /^(prequeue|drawing)$/.test(s.state)); }
  function leads() {
    var key = 'stream.' + rooms, held = load('localStorage', key), now = Date.now();
    if (held && held.by !== me && now - held.at < 15000 && now >= held.at) return false;
    keep('localStorage', key, { by: me, at: now });
    return true;
  }
  function listen() {
    var es;
    if (stream || stopped || !window.EventSource || Date.now() < streamAt || !leads()) return;
    try { es = stream = new EventSource(rooms + 'events'); } catch (e) { return; }
    beat = setInterval(leads, 5000);
    function heard(event) {
      var s = null;
      if (es !== stream) return;
      leads();
      try { s = JSON.parse(event.data); } catch (e) { return; }
      if (s && s.state) answered(s, true);
    }
    es.addEventListener('standing', heard);
    es.addEventListener('message', heard);
    es.addEventListener('released', heard);
    /* Closed: refused, as where there are too many; in the lobby the polls then do as they are. Else
       the browser opens it again by itself. */
    es.onerror = function () {
      if (es !== stream) return;
      if (es.readyState === 2) {
        hush();
        if (scene === 'prequeue') {
          polls = true;
          return;
        }
        streamAt = Date.now() + 60000 + 30000 * Math.random();
      }
      if (!stopped && !asking) later(Math.min(Math.max(0, due - Date.now()) / 1000, 1 + 3 * Math.random()));
    };
  }
  function hush() {
    if (!stream) return;
    clearInterval(beat);
    stream.close();
    stream = null;
    keep('localStorage', 'stream.' + rooms, null);
  }
  function streams() { return stream && stream.readyState === 1; }
  function troubled(status, retryAfter) {
    failures += 1;
    line('trouble', T.trouble);
    tell(T.trouble, failures === 1, 15000);
    later(Math.min(60, Math.max(retryAfter, Math.pow(2, Math.min(failures, 6)))));
  }
  /* What an event says does not put off the poll that renews the cookie. */
  function answered(s, heard) {
    var next;
    failures = 0;
    line('trouble', '');
    placeless = s.state === 'waiting' && s.position === null && !s.reason && !s.sign_in ? placeless + 1 : 0;
    if (placeless >= 3) return noCookies();
    show(s);
    if (s.state === 'released' && scene !== 'ready') claim();
    else if (s.state === 'admitted' || s.state === 'challenge') go();
    else if (s.state === 'ended' && s.ended_by) stop();
    else {
      if (watches(s)) listen(); else hush();
      next = streams() && s.position !== null ? 60 : Math.max(1, s.poll_after_s || 5);
      if (!heard || due <= Date.now() || !watches(s)) later(next);
    }
  }
  /* Another tab, or no turn after all (409): ask again. Whatever else goes wrong, the wanted
     page itself claims the turn too. */
  function claim() {
    ask('POST', 'claim', function (s) { show(s); go(); }, function (status) {
      if (status === 409) later(2);
      else if (status === 0 || status === 429 || status >= 500) troubled(status, 0);
      else go();
    });
  }
  function stop() { stopped = true; clearTimeout(timer); hush(); }
  function noCookies() {
    var words = T.states.cookies;
    stop();
    main.setAttribute('data-scene', 'cookies');
    put('head', words.head);
    put('lead', words.lead);
    line('go', words.action);
    see('notes', false);
    see('ahead', false);
    doc.title = words.head + ' \u00b7 ' + title;
    tell(sentence(words.head) + words.lead, true);
  }

  /* Asks for the wanted page in place, so that Back still works. Never twice within five
     seconds, and ever more slowly if it keeps leading here. */
  function go() {
    var last = load('sessionStorage', 'reload'), now = Date.now(), at = now;
    if (last && now - last.at < 300000 && now >= last.at) at = last.at + Math.min(60000, 5000 * Math.pow(2, last.times - 1));
    else last = { times: 0 };
    keep('sessionStorage', 'reload', { at: Math.max(at, now), times: last.times + 1 });
    if (!load('sessionStorage', 'reload')) at = Math.max(at, born + 5000);
    stop();
    setTimeout(function () {
      var clean = main.getAttribute('data-form') || /[?&]anteroom-return=/.test(location.search);
      if (clean) location.replace(el('go').getAttribute('href'));
      else location.reload();
    }, Math.max(0, at - now));
  }

  var first = null;
  try { first = JSON.parse(main.getAttribute('data-status')); } catch (e) { return; }

  /* For whoever pressed what is gone now. */
  function head() {
    el('head').setAttribute('tabindex', '-1');
    el('head').focus();
  }
  function left() {
    first.state = 'ended';
    first.ended_by = 'left';
    first.ahead = first.position = first.message = null;
    show(first);
    see('again', false);
    stop();
  }
  el('leave-form').addEventListener('submit', function (event) {
    var sent = event.target;
    event.preventDefault();
    stop();
    ask('POST', 'leave', function () {
      keep('localStorage', 'left.' + first.room, Date.now());
      left();
      head();
    }, function () { sent.submit(); });
  });
  /* A code: what became of it is said beside the form, and the line goes on as before. */
  function redeem(sent) {
    var x = new XMLHttpRequest();
    function said(text) { line('redeemed', text); }
    x.open('POST', rooms + 'redeem', true);
    x.setRequestHeader('Accept', 'application/json');
    x.setRequestHeader('Content-Type', 'application/json');
    x.timeout = 20000;
    x.onreadystatechange = function () {
      var s = null;
      if (x.readyState !== 4) return;
      try { s = JSON.parse(x.responseText); } catch (e) { /* no answer */ }
      if (x.status === 200 && s && s.state) {
        said(T.code_accepted.replace('{lane}', named(s.lane || '')));
        sent.reset();
        answered(s);
      } else said(s && s.detail ? s.detail : T.trouble);
    };
    x.send(JSON.stringify({ code: el('redeem-code').value }));
  }
  if (el('redeem-form')) el('redeem-form').addEventListener('submit', function (event) {
    event.preventDefault();
    redeem(event.target);
  });
  /* A wish by a form: what came of it is said where the trouble is, and the focus stays. */
  function wish(id, what, granted) {
    var sent = el(id);
    if (sent) sent.addEventListener('submit', function (event) {
      event.preventDefault();
      hush();
      ask('POST', what, function (s) {
        answered(s);
        if (granted) tell(granted, true);
        else head();
      }, function (status) {
        var words = status !== 409 ? T.wishes.later : what === 'extend'
          ? (scene === 'ready' ? T.wishes.spent_time : T.wishes.no_time)
          : (scene === 'first' ? T.wishes.no_break : T.wishes.spent_break);
        line('trouble', words);
        tell(words, true);
        later(5);
      });
    });
  }
  wish('break-form', 'step-away', '');
  wish('more', 'extend', T.wishes.longer);
  el('go').addEventListener('click', function (event) {
    if (scene !== 'away') return;
    event.preventDefault();
    hush();
    ask('POST', 'join', answered, troubled);
  });
  el('ask-first').checked = asksFirst();
  el('ask-first').addEventListener('change', function (event) {
    keep('localStorage', 'ask.' + rooms, event.target.checked ? true : null);
    if (scene === 'ready' && !event.target.checked) claim();
  });
  /* Left in another tab: do not join again behind the visitor's back. */
  window.addEventListener('storage', function (event) {
    if (event.key === 'anteroom.left.' + first.room && event.newValue && !stopped) left();
  });
  /* Phones sleep: whatever should have happened meanwhile happens on waking. */
  function wake() { if (!stopped && !doc.hidden && !asking && Date.now() >= due) poll(); }
  doc.addEventListener('visibilitychange', wake);
  window.addEventListener('pageshow', function (event) { if (event.persisted) { stopped = false; due = 0; wake(); } });
  window.addEventListener('pagehide', function () { hush(); });
  window.addEventListener('online', function () { if (failures) { due = 0; wake(); } });

  if (navigator.cookieEnabled === false) return noCookies();
  show(first);
  if (first.state === 'released' && scene !== 'ready') claim();
  else if (first.state === 'admitted') go();
  else if (first.state === 'ended' && first.ended_by) stop();
  else if (main.getAttribute('data-passing') && !main.getAttribute('data-form')) go();
  else {
    if (watches(first)) listen();
    later(scene === 'first' ? 1 : Math.max(1, first.poll_after_s || 5));
  }
})();
