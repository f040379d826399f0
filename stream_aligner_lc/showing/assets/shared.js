"use strict";
// What the pages have in common. Whatever a reply holds is put in as text, never as markup.

const PARTS = ["span", "del", "ins"];
const at = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function seconds(ms) {
  return ms >= 10000 ? `${(ms / 1000).toFixed(0)} s` : ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`;
}

// A text, or its differences as [0 stayed | 1 went | 2 came, text]; one of these kinds may be left out. The space behind
// a word belongs to its part, but it is not marked.
function difference(said, without) {
  const parts = typeof said === "string" ? [[0, said]] : said;
  return parts.filter(([kind]) => kind !== without).flatMap(([kind, text]) => {
    const marked = text.trimEnd() || text;
    return [element(PARTS[kind], "", marked), text.slice(marked.length)];
  });
}

// Two lanes, of sentences with `verdict`, `drafting` and `aligning`: [start, end] in ms, or nothing. `calls` are times
// in which the upstream was asked; `marks` gets the bars of each sentence.
function timeline(sentences, { end = 0, calls = [], marks = [] } = {}) {
  const spans = sentences.flatMap(({ drafting, aligning }) => [drafting, aligning]).filter(Boolean);
  const last = Math.max(0, ...[...spans, ...calls].map((span) => span[1]), end);
  if (!spans.length || !last) return null;
  const box = element("div", "timeline");
  const put = (track, [from, to], className, title) => {
    const bar = element("i", className);
    bar.style.left = `${(100 * from) / last}%`;
    bar.style.width = `${(100 * Math.max(to - from, 0)) / last}%`;
    bar.title = `${title}: ${seconds(from)} to ${seconds(to)}`;
    track.append(bar);
    return bar;
  };
  for (const [lane, name] of [["drafting", "upstream"], ["aligning", "aligner"]]) {
    const track = element("div", "lane");
    if (lane === "drafting") calls.forEach((span, number) => put(track, span, "call", `call ${number + 1}`));
    sentences.forEach((sentence, number) => {
      if (!sentence[lane]) return;
      const bar = put(track, sentence[lane], sentence.verdict, `sentence ${number + 1}`);
      (marks[number] = marks[number] || []).push(bar);
    });
    box.append(element("span", "", name), track);
  }
  box.append(element("span"), element("span", "", `0 to ${seconds(last)}`));
  return box;
}
