// Asks, and draws what comes: a row for each sentence, the draft beside what was released.

const KEY = "stream-aligner-key";
const PACE = 150;  // ms between two changes of the scale of the times
const FINEST = 1 / 500;  // and the least of it that changes: less is not seen
let conversation = [];
let running = null;
let wasAt = 0;
let follows = true;  // the end of the page stays in view until the reader scrolls up

// ---- One question and its reply

function turnOf(question) {
  const view = element("article", "turn");
  const rows = element("ol", "rows");
  const facts = element("dl", "facts");
  const when = element("div", "when");
  const heads = element("div", "heads");
  heads.append(element("span", "", "Upstream wrote"), element("span", "", ""), element("span", "", "Released"));
  view.append(element("h2", "text", question), heads, rows, facts, when);

  const live = row("live", "writing", "", "");
  rows.append(live.item);
  const times = timeline();
  times.view.setAttribute("role", "img");
  const open = new Map();  // when calls began that are not over
  let pending = "";  // what the upstream has written and nobody has judged
  let call = 0;
  let sentences = 0;
  let text = "";
  let began = performance.now();
  let timed = 0;
  let isAwaited = false;  // the times are drawn a moment later, also if nothing comes
  let isDrawn = true;
  let skipped = null;

  function draw() {
    if (isDrawn) return;
    isDrawn = true;
    live.draft.textContent = pending.trim();
    live.item.hidden = view.dataset.state !== "writing";
    const now = performance.now();
    const rest = timed + Math.max(PACE, FINEST * (now - began)) - now;
    if (view.dataset.state !== "writing" || rest <= 0) {
      timed = now;
      drawTimes(now - began);
    } else {
      drawIn(rest);
    }
    keepEnd();
  }

  function drawIn(rest) {
    if (isAwaited) return;
    isAwaited = true;
    setTimeout(() => {
      isAwaited = false;
      if (view.dataset.state === "writing") later();
    }, rest);
  }

  function drawTimes(now) {
    open.forEach((from, number) => times.call(number, [from, now]));
    times.reach();
    times.view.setAttribute("aria-label", `Upstream: ${count(call, "call")}. ${count(sentences, "sentence")}.`);
  }

  function later() {
    if (isDrawn) requestAnimationFrame(draw);
    isDrawn = false;
  }

  function put(made) {
    rows.insertBefore(made.item, live.item);
    skipped = null;
    return made;
  }

  function drop(verdict, why) {
    if (pending.trim() || verdict === "restart") put(row(verdict, verdict, [[1, pending.trim()]], why));
    pending = "";
  }

  const takes = {
    opened(event) {
      call = event.call;
      began = performance.now() - event.at * 1000;
      open.set(call, event.at * 1000);
    },
    restart(event) {
      drop("restart", "goes on from the released text");
      takes.opened(event);
    },
    draft(event) {
      if (event.call === call) pending += event.text;
    },
    closed(event) {
      if (open.has(event.call)) times.call(event.call, [open.get(event.call), event.at * 1000]);
      open.delete(event.call);
    },
    sentence(event) {
      const place = pending.indexOf(event.draft);
      if (place >= 0) pending = pending.slice(place + event.draft.length);
      sentences += 1;
      const { verdict } = event;
      const bars = times.sentence({ verdict, drafting: inMs(event.drafting), aligning: inMs(event.aligning) });
      if (bars.length && !when.firstChild) when.append(times.view);
      if (event.verdict === "skipped" && skipped && skipped.index === event.index) {
        for (const side of [skipped.draft, skipped.released]) side.append(event.lead + event.text);
        return;
      }
      const made = put(row(event.verdict, event.verdict, event.parts || event.draft, event.parts || event.text));
      if (event.lead.includes("\n\n")) made.item.classList.add("paragraph");
      if (event.error) made.released.append(element("span", "fault", event.error));
      if (event.verdict === "removed") made.released.append(element("span", "aside", "nothing"));
      if (event.verdict === "skipped") skipped = { ...made, index: event.index };
    },
    released(event) {
      text += event.text;
      // A line of its own: those before it are not laid out again.
      at("said").append(element("div", "", event.text));
    },
    end(event) {
      facts.replaceChildren(...factsOf(event));
      finish("done", `Done: ${told(event)}`);
    },
    error(event) {
      fail(event.message);
    },
  };

  function finish(state, status) {
    say(status);
    view.dataset.state = state;
    drop("dropped", "not shown");
    isDrawn = false;
    draw();
    open.clear();
  }

  function fail(message) {
    const fault = element("p", "fault", message);
    fault.setAttribute("role", "alert");
    view.append(fault);
    finish("failed", "The reply broke off.");
  }

  view.dataset.state = "writing";
  return {
    view,
    take(event) {
      if (takes[event.type]) takes[event.type](event);
      if (view.dataset.state === "writing") later();
    },
    fail,
    stop() {
      finish("stopped", "Stopped. The server has closed the upstream.");
    },
    get state() {
      return view.dataset.state;
    },
    get text() {
      return text;
    },
  };
}

function row(className, verdict, draft, released) {
  const item = element("li", className);
  const sides = { draft: element("span", "text draft"), released: element("span", "text released") };
  sides.draft.append(...difference(draft, 2));
  sides.released.append(...difference(released, 1));
  item.append(sides.draft, element("span", "verdict", verdict), sides.released);
  return { item, ...sides };
}

function inMs(span) {
  return span && span.map((each) => each * 1000);
}

function count(number, name) {
  return `${number.toLocaleString("en")} ${name}${number === 1 ? "" : "s"}`;
}

function factsOf({ totals, first_sentence_seconds: first, seconds: took, waste, finish }) {
  const tokens = totals.upstream_tokens || { input: 0, output: 0 };
  const facts = [
    ["first sentence", first === null ? "none" : seconds(first * 1000)],
    ["in all", seconds(took * 1000)],
    ["upstream calls", totals.upstream_calls],
    ["restarts", totals.restarts],
    ["upstream tokens", `${tokens.estimated ? "about " : ""}${tokens.input} in, ${tokens.output} out`],
    ["aligner tokens", totals.aligner_tokens],
    ["written / shown", waste === null ? "nothing shown" : `${waste.toFixed(2)} ×`],
  ];
  if (finish !== "stop") facts.push(["ended by", finish]);
  return facts.map(([name, value]) => {
    const fact = element("div");
    fact.append(element("dt", "", name), element("dd", "", String(value)));
    return fact;
  });
}

function told({ totals }) {
  const verdicts = Object.entries(totals.sentences || {}).map(([verdict, number]) => `${number} ${verdict}`);
  return verdicts.join(", ") || "no sentence";
}

// ---- Asking the server

// A header takes bytes, one a character; the server reads a key as UTF-8.
function inBytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function post(messages, signal) {
  const key = sessionStorage.getItem(KEY);
  const headers = { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${inBytes(key)}` } : {}) };
  return fetch("playground/reply", { method: "POST", headers, body: JSON.stringify({ messages }), signal });
}

async function answered(messages, signal) {
  let response = await post(messages, signal);
  while (response.status === 401) {
    if (!(await newKey(sessionStorage.getItem(KEY) !== null))) throw new Error("The server asks for a key.");
    response = await post(messages, signal);
  }
  if (!response.ok) throw new Error(`The server refused (${response.status}): ${await reasonOf(response)}`);
  return response;
}

async function reasonOf(response) {
  const text = await response.text();
  try {
    const said = JSON.parse(text);
    const reason = said.error ? said.error.message || said.error : said.detail;
    return typeof reason === "string" ? reason : JSON.stringify(reason);
  } catch {
    return text.slice(0, 200);
  }
}

async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

function newKey(wasRefused) {
  at("wanted").textContent = wasRefused ? "The server does not know this key" : "This server asks for a key";
  sessionStorage.removeItem(KEY);
  at("key").value = "";
  at("door").returnValue = "";
  at("door").showModal();
  return new Promise((resolve) => {
    at("door").addEventListener("close", () => {
      const key = at("key").value.trim();
      at("key").value = "";
      if (at("door").returnValue === "enter" && key) sessionStorage.setItem(KEY, key);
      resolve(at("door").returnValue === "enter" && key !== "");
    }, { once: true });
  });
}

async function ask(question) {
  const stopping = new AbortController();
  const turn = turnOf(question);
  const said = conversation;
  running = stopping;
  said.push({ role: "user", content: question });
  at("said").replaceChildren();
  at("turns").append(turn.view);
  say("Writing");
  show();
  follows = true;
  keepEnd();
  try {
    const response = await answered(said, stopping.signal);
    for await (const event of eventsOf(response)) turn.take(event);
    if (turn.state === "writing") turn.fail("The connection ended before the reply did.");
  } catch (error) {
    if (stopping.signal.aborted) turn.stop();
    else turn.fail(error instanceof TypeError ? "The server cannot be reached." : error.message);
  }
  // What nobody answered is not part of the conversation: many models refuse an empty turn.
  if (turn.text) said.push({ role: "assistant", content: turn.text });
  else said.pop();
  if (turn.state === "failed" && !turn.text && !at("question").value) at("question").value = question;
  if (running === stopping) running = null;
  show();
  if (turn.view.isConnected) keepEnd();
}

// ---- The controls

function keepEnd() {
  if (follows) scrollTo(0, document.documentElement.scrollHeight);
}

function say(text) {
  at("status").textContent = text;
}

function show() {
  const isEmpty = !at("turns").childElementCount;
  at("welcome").hidden = !isEmpty;
  at("fresh").hidden = isEmpty;
  at("send").hidden = Boolean(running);
  at("stop").hidden = !running;
}

function submit() {
  const question = at("question").value.trim();
  if (!question || running) return;
  at("question").value = "";
  at("question").focus();
  ask(question);
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
// A key of an input method is not the page's. Safari ends a composition before the key that does, and numbers it so.
function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

at("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
  event.preventDefault();
  submit();
});
document.addEventListener("scroll", () => {
  const isBelow = innerHeight + scrollY >= document.documentElement.scrollHeight - 48;
  // The page may have grown since it was scrolled to its end; only a reader scrolls up.
  follows = isBelow || (follows && scrollY >= wasAt);
  wasAt = scrollY;
}, { passive: true });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running && !at("door").open && !isComposing(event)) running.abort();
});
at("stop").addEventListener("click", () => {
  running.abort();
  at("question").focus();
});
at("fresh").addEventListener("click", () => {
  if (running) running.abort();
  running = null;
  conversation = [];
  at("turns").replaceChildren();
  at("said").replaceChildren();
  say("");
  show();
  at("question").focus();
});
at("examples").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || running) return;
  at("question").focus();
  ask(button.textContent);
});
at("leave").addEventListener("click", () => at("door").close("leave"));
at("question").focus();
show();
