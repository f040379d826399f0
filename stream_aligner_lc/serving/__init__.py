"""`stream-aligner serve`: an OpenAI-compatible endpoint whose replies are aligned; needs the extra `serve`."""

from stream_aligner_lc.serving.app import create_app

__all__ = ["create_app"]
