"""What stands in front of the graphs when they are served: requests that are too large are refused unread.

STREAM_ALIGNER_MAX_BODY is the most bytes of a request, STREAM_ALIGNER_MAX_INPUT the most characters of a conversation.
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from stream_aligner_lc.limits import BodyLimit, max_body

app = Starlette(middleware=[Middleware(BodyLimit, max_bytes=max_body())])
