"""Replies and figures for pages, as an evaluation writes them."""

from stream_aligner_lc.evaluation.results import results_of

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "{title} {data} {0}",
    "\u2028 \u2029 \x00 \x7f",
    "half of a pair: \ud800",
    "&lt;b&gt; &amp; \"quotes\" 'too'",
]


def reply(*sentences, question="What?", **fields):
    """Return a reply: of (draft, text) pairs, or of one such pair."""
    pairs = [sentences] if isinstance(sentences[0], str) else sentences
    said = [
        {
            "index": number,
            "verdict": "accepted" if draft == text else "replaced" if text else "removed",
            "lead": " " if number else "",
            "draft": draft,
            "text": text,
            "error": None,
            "drafting": [number / 10, number / 10 + 0.08],
            "aligning": [number / 10 + 0.08, number / 10 + 0.1],
        }
        for number, (draft, text) in enumerate(pairs)
    ]
    tokens = {"input": 10, "output": 20, "estimated": True}
    took = {"seconds": len(said) / 10, "first_sentence_seconds": 0.1, "upstream_tokens": tokens}
    return {
        "id": question,
        "source": "here",
        "messages": [{"role": "user", "content": question}],
        **fields,
        "bare": {"text": " ".join(draft for draft, _ in pairs), "first_text_seconds": 0.01, **took},
        "aligned": {
            "text": " ".join(text for _, text in pairs if text),
            **took,
            "upstream_characters": 100,
            "aligner_tokens": 30,
            "aligner_seconds": 0.1,
            "upstream_calls": 1,
            "restarts": sum(draft != text for draft, text in pairs),
            "sentences": said,
        },
    }


def rows_of(count):
    """Return so many replies with everything that can be said of them."""
    return [
        reply(
            (f"It is bad ({number}).", f"It is good ({number})."),
            ("Fine.", "Fine."),
            question=f"Question {number}?",
            kind="ordinary",
            right={"bare": bool(number % 2), "aligned": True},
            reference=str(number),
            graded={"bare": False, "aligned": True},
            judged={"honesty": {"aligned_first": "A", "aligned_second": "B"}},
            scores={"reward": {"bare": 0.1, "aligned": 0.3}},
        )
        for number in range(count)
    ]


def evaluation_of(count):
    """Return the figures of so many replies."""
    return results_of(rows_of(count), {"upstream": "u", "aligner": "a"}).as_dict()
