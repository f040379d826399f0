// Unfolds the replies.

const PAGE = 100;
const replies = JSON.parse(document.getElementById("data").textContent);
let found = replies;
let start = 0;

function released(sentence) {
  const said = sentence[2];
  return typeof said === "string" ? said : said.filter(([kind]) => kind !== 1).map(([, text]) => text).join("");
}

function textOf(reply) {
  return reply.s.map((sentence) => (released(sentence) ? sentence[1] + released(sentence) : "")).join("").trim();
}

function chips(reply) {
  const list = element("ul", "chips");
  const add = (text) => list.append(element("li", "", text));
  if (reply.kind) add(reply.kind);
  if (reply.ref !== undefined) add(`right answer: ${reply.ref}`);
  if (reply.right) for (const side of ["bare", "aligned"]) add(`${side}: ${reply.right[side] ? "right" : "wrong"}`);
  if (reply.graded) {
    const words = { true: "passes", false: "fails", null: "unreadable" };
    for (const side of ["bare", "aligned"]) add(`${side} ${words[reply.graded[side]]}`);
  }
  for (const [name, said] of Object.entries(reply.judged || {})) {
    const won = { A: "aligned", B: "bare", tie: "tie" };
    const lost = { A: "bare", B: "aligned", tie: "tie" };
    add(`${name}: ${won[said.aligned_first] || "unreadable"}, then ${lost[said.aligned_second] || "unreadable"}`);
  }
  for (const [name, score] of Object.entries(reply.scores || {})) {
    add(`${name}: ${score.bare.toFixed(3)} bare, ${score.aligned.toFixed(3)} aligned`);
  }
  if (reply.restarts) add(`${reply.restarts} restart${reply.restarts > 1 ? "s" : ""}`);
  if (reply.firstMs !== undefined) add(`first sentence after ${seconds(reply.firstMs)}`);
  if (reply.ms !== undefined) add(`${seconds(reply.ms)} in all${reply.bareMs === undefined ? "" : `, bare ${seconds(reply.bareMs)}`}`);
  return list;
}

function sentences(reply, marks) {
  const list = element("ol", "sentences");
  reply.s.forEach(([verdict, , said, drafting, , fault], number) => {
    const item = element("li", verdict);
    const text = element("span", "text said");
    text.append(...difference(said));
    if (fault) text.append(element("span", "fault", fault));
    item.append(element("span", "verdict", verdict), text);
    if (marks[number].length) {
      const mark = (on) => marks[number].forEach((bar) => bar.classList.toggle("on", on));
      item.tabIndex = 0;
      for (const [event, on] of [["mouseenter", true], ["focus", true], ["mouseleave", false], ["blur", false]]) {
        item.addEventListener(event, () => mark(on));
      }
    }
    list.append(item);
  });
  return list;
}

function unfold(reply) {
  const body = element("div", "body");
  body.append(chips(reply));
  if (reply.q) body.append(element("h3", "", "Question"), element("p", "text", reply.q));
  const times = timeline();
  const marks = reply.s.map(([verdict, , , drafting, aligning]) => times.sentence({ verdict, drafting, aligning }));
  times.reach(reply.ms || 0);
  body.append(element("h3", "", "Sentences: draft and correction"), sentences(reply, marks));
  if (marks.flat().length) body.append(element("h3", "", "When"), times.view);
  if (reply.bare !== undefined) body.append(element("h3", "", "Bare reply"), element("p", "text", reply.bare));
  return body;
}

function row(reply) {
  const details = element("details");
  const summary = element("summary", "", reply.q || textOf(reply).slice(0, 200) || reply.id);
  const marks = [reply.changed ? `${reply.changed} of ${reply.s.length} changed` : `${reply.s.length} unchanged`];
  if (reply.right) marks.push(`${reply.right.bare ? "right" : "wrong"} → ${reply.right.aligned ? "right" : "wrong"}`);
  summary.append(element("span", "mark", marks.join(", ")));
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(unfold(reply));
  });
  return details;
}

function show() {
  at("replies").replaceChildren(...found.slice(start, start + PAGE).map(row));
  const last = Math.min(start + PAGE, found.length);
  at("status").textContent = `${found.length.toLocaleString()} of ${replies.length.toLocaleString()} replies`;
  at("where").textContent = found.length ? `${start + 1} to ${last}` : "none";
  at("back").disabled = start === 0;
  at("next").disabled = last >= found.length;
}

const TESTS = {
  all: () => true,
  changed: (reply) => reply.changed > 0,
  unchanged: (reply) => reply.changed === 0,
  "made right": ({ right }) => right && right.aligned && !right.bare,
  "made wrong": ({ right }) => right && !right.aligned && right.bare,
  "still wrong": ({ right }) => right && !right.aligned && !right.bare,
};

function filter() {
  const words = at("find").value.toLowerCase();
  const test = TESTS[at("which").value] || ((reply) => `kind: ${reply.kind}` === at("which").value);
  found = replies.filter(
    (reply) => test(reply) && (!words || `${reply.q || ""} ${textOf(reply)} ${reply.bare || ""}`.toLowerCase().includes(words)),
  );
  start = 0;
  show();
}

function choices() {
  const add = (name) => at("which").append(Object.assign(element("option", "", name), { value: name }));
  if (replies.some((reply) => reply.right)) ["made right", "made wrong", "still wrong"].forEach(add);
  for (const kind of new Set(replies.map((reply) => reply.kind).filter(Boolean))) add(`kind: ${kind}`);
}

let waiting;
at("find").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(filter, 150);
});
at("which").addEventListener("change", filter);
at("filter").addEventListener("submit", (event) => event.preventDefault());
at("open").addEventListener("click", () => {
  for (const details of at("replies").children) details.open = true;
});
at("back").addEventListener("click", () => {
  start -= PAGE;
  show();
});
at("next").addEventListener("click", () => {
  start += PAGE;
  show();
  at("replies").scrollIntoView();
});
choices();
show();
