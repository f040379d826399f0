"""What aligners are asked, in training as in serving: the prompted protocol and the templates of trained aligners."""

from stream_aligner_lc.prompts.prefixes import shortened
from stream_aligner_lc.prompts.prompted import (
    DEFAULT_POLICY,
    escape,
    parse_answer,
    render_instructions,
    render_request,
    unescape,
)
from stream_aligner_lc.prompts.templates import TEMPLATES, Part, Template, template_named

__all__ = [
    "DEFAULT_POLICY",
    "TEMPLATES",
    "Part",
    "Template",
    "escape",
    "parse_answer",
    "render_instructions",
    "render_request",
    "shortened",
    "template_named",
    "unescape",
]
