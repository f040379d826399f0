"""Aligners that are right by construction, in both templates: a model says what it is told, through real passes."""

from langchain_core.messages import HumanMessage

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.corrections import Draft
from tests.local.small_models import SpeakingModel, Watch

QUESTION = "How many are 3 and 4?"
TEMPLATES = ("stream-aligner", "verdict")
_END = "<|end|>"


class Speaker:
    """Correct what is known to be wrong, in either template; "nonsense" is answered by nonsense without an end."""

    def __init__(self, template="verdict", *, mistakes=None, max_tokens=4096, delay=0.0, **options):
        self.mistakes = {"8": "7", "nine": "seven"} if mistakes is None else mistakes
        self.sentences = []
        speak = self._judge if template == "verdict" else self._revise
        self.model = SpeakingModel(speak, max_tokens=max_tokens)
        self.aligner = TransformersAligner.from_model(self.model, self.model.tokenizer, template=template, **options)
        self.watch = Watch(self.model, delay=delay)

    def drafts(self, *texts):
        """Return consecutive drafts of one reply."""
        self.sentences += texts
        return [
            Draft([HumanMessage(QUESTION)], " ".join(texts[:number]), text, index=number)
            for number, text in enumerate(texts)
        ]

    def correction(self, text):
        for wrong, right in self.mistakes.items():
            text = text.replace(wrong, right)
        return text

    def _judge(self, prompt, said):
        released, is_marked, correction = said.partition(_END)
        last = next((each for each in self.sentences if released.endswith(each)), None)
        if last is None:
            # Nobody asks for a verdict there; a character may be half read.
            return "= = = ="
        if is_marked:
            return self._rest(last, correction)
        if "nonsense" in last:
            return "?"
        is_last = last.startswith("Done")
        return ("!" if is_last else "~") if self.correction(last) != last else ("#" if is_last else "=")

    def _revise(self, prompt, said):
        last = prompt.partition("##Answer_Last_Sentence: ")[2].partition(" | ##Your_Revision: ")[0]
        return self._rest(last, said)

    def _rest(self, last, said):
        if "nonsense" in last:
            return "7"
        right = self.correction(last)
        return right[len(said) :] if right.startswith(said) else ""
