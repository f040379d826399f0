"""What can go wrong, by whose fault it is. Plain Python.

StreamAlignerError
├── ConfigurationError (ValueError)    wrong options; raised before any model is called
├── UpstreamError                      the model being corrected failed; `.released` holds the text so far
└── AlignerError                       the aligner failed or gave an unusable answer
    ├── AlignerTimeout (TimeoutError)  it took longer than `aligner_timeout`, or its server than `timeout`
    └── UnusableAnswer                 it answered, and that cannot stand in for the sentence
"""


class StreamAlignerError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(StreamAlignerError, ValueError):
    """An option is wrong; the message names it, its value and the way out."""


class UpstreamError(StreamAlignerError):
    """The upstream failed in a way that a restart cannot mend.

    `released` is the text that had been released by then; the provider's own error is the `__cause__`.
    """

    def __init__(self, message: str, *, released: str = "") -> None:
        super().__init__(message)
        self.released = released


class AlignerError(StreamAlignerError):
    """The aligner raised, or its answer cannot be used; nothing of that sentence was shown.

    `released` is the text that had been released by then, `draft` the sentence that it failed on; an error of the
    aligner's own is the `__cause__`. The message never quotes the draft, because messages are shown to people.
    """

    def __init__(self, message: str, *, released: str = "", draft: str = "") -> None:
        super().__init__(message)
        self.released = released
        self.draft = draft


class AlignerTimeout(AlignerError, TimeoutError):  # noqa: N818  # named after the TimeoutError that it is
    """The aligner needed longer than `aligner_timeout` seconds for one sentence, or its server than its `timeout`."""


class UnusableAnswer(AlignerError):  # noqa: N818  # what it is, as the others of this family are named
    """The aligner answered, and the answer cannot stand in for the sentence.

    It is not raised of a sentence inside which the provider ended the reply: few aligners have learned to judge a
    fragment, so where one cannot, the reply ends before it, as `max_tokens` would have it end anyway.
    """
