"use strict";
// What the pages have in common. Whatever a reply holds is put in as text, never as markup.

const PARTS = ["span", "del", "ins"];
const SCALE = 100000;  // ms: so long that tracks are exact for hours, so short that those of a moment are not too wide
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

// Two lanes of times, each [start, end] in ms. A bar stands in its track where its time is in a fixed scale, and `reach`
// gives the tracks the width at which the lanes show the time until `last`: one bar more touches none of the others.
function timeline() {
  const view = element("div", "timeline");
  const tracks = { drafting: element("div"), aligning: element("div") };
  const range = element("span");
  const calls = [];
  let count = 0;
  let last = 0;
  for (const [lane, name] of [["drafting", "upstream"], ["aligning", "aligner"]]) {
    const box = element("div", "lane");
    box.append(tracks[lane]);
    view.append(element("span", "", name), box);
  }
  view.append(element("span"), range);

  function stretch(bar, [from, to], title) {
    last = Math.max(last, to);
    bar.style.left = `${(100 * from) / SCALE}%`;
    bar.style.width = `${(100 * Math.max(to - from, 0)) / SCALE}%`;
    bar.title = `${title}: ${seconds(from)} to ${seconds(to)}`;
    return bar;
  }

  return {
    view,
    // Returns the bars of a sentence with `verdict`, `drafting` and `aligning`: times, or nothing.
    sentence({ verdict, ...times }) {
      count += 1;
      const lanes = Object.keys(tracks).filter((lane) => times[lane]);
      return lanes.map((lane) => {
        const bar = stretch(element("i", verdict), times[lane], `sentence ${count}`);
        return tracks[lane].appendChild(bar);
      });
    },
    // Says when the upstream was asked for the `number`th time; said again, it is corrected.
    call(number, times) {
      if (!calls[number]) tracks.drafting.prepend((calls[number] = element("i", "call")));
      stretch(calls[number], times, `call ${number}`);
    },
    reach(end = 0) {
      last = Math.max(last, end);
      for (const track of Object.values(tracks)) track.style.width = `${(100 * SCALE) / last}%`;
      range.textContent = `0 to ${seconds(last)}`;
    },
  };
}
