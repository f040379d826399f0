"""What texts from outside may hold: names of control tokens, delimiters, invisible characters, what is no character."""

from hypothesis import strategies as st

from tests.local.chat_templates import FAMILIES

SPECIAL = sorted(
    {name for each in FAMILIES.values() for name in (*each.special, *each.added, each.bos, each.eos, each.end) if name}
    | {"<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<|im_sep|>", "<|endoftext|>", "<|eot_id|>"}
    | {"<|python_tag|>", "<|channel|>", "<|message|>", "<|start|>", "<|return|>", "<tool_call>", "<think>", "<0x0A>"}
)
DELIMITERS = [
    "##Question:", "##Answer_Prefix:", "##Answer_Last_Sentence:", "##Your_Revision:", "##Answer:", "##Correction:",
    " | ", "|", "CORRECTION: [[", "[[", "]]", "EOS: [[TRUE]]", "EOS:", "CORRECTION:", "FIXED PART OF THE REPLY: [[",
    "BEGINNING OF CONVERSATION: USER:", " ASSISTANT:", "### User:\n", "\n\n### Assistant:\n", "\\",
]  # fmt: skip
INVISIBLE = [
    "\u200b",
    "\u200c",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u202a",
    "\u202e",
    "\u2066",
    "\u2069",
    "\u061c",
]
SURROGATES = ["\ud800", "\udfff", "\udc00\ud800", "\ud83d\ude00"]
WORDS = ["The cat", " sat.", "\n", " ", "\t", "\0", "é", "你好。", "😀", "user", "assistant", "{question}", "{{ x }}"]

hostile = st.lists(
    st.sampled_from([*SPECIAL, *DELIMITERS, *INVISIBLE, *SURROGATES, *WORDS]).flatmap(
        lambda piece: st.sampled_from([piece, piece, piece[:1], piece[1:], piece[: len(piece) // 2]])
    ),
    max_size=8,
).map("".join)
"""Texts of whole and halved pieces."""
