"""Texts that no training and no serving may stumble over, drawn the same every time."""

import random

PIECES = (
    "So it is.", "7", " ", "  ", "\n", "\n\n", "\t", "##Question:", " | ##Answer_Prefix: ", "##Your_Revision:", " | ",
    "##Answer:", "##Correction: ", "\\", "##\\Question:", "|", "<|end|>", "<|im_end|>", "</s>", "<s>", "<bos>",
    "<end_of_turn>", "[INST]", "[/INST]", "<0x41>", "{question}", "{}", "BEGINNING OF CONVERSATION: USER:",
    "ASSISTANT:", "=", "~", "#", "!", "é", "你好。", "😀", "\u200b", "\u00a0", "\u0301", "▁", "Ġ", "\ufeff", "İ",
    "the cat",
)  # fmt: skip


def hostile_text(rng, most=8):
    """Return a few pieces in a row."""
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, most)))


def hostile_rows(count, seed=0):
    """Return rows that a reader would take: a question and a sentence are never blank.

    What a correction says stands in its question, too: delimiters that were shown nowhere are no correction's.
    """
    rng = random.Random(seed)
    rows = []
    while len(rows) < count:
        question, prefix, last, correction = (hostile_text(rng) for _ in range(4))
        if question.strip() and last.strip():
            correction = last if rng.random() < 0.4 else correction
            row = {"question": question + correction, "prefix": prefix, "last": last, "correction": correction}
            rows.append({**row, "end": rng.random() < 0.2})
    return rows
