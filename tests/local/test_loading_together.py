"""Models that are loaded at the same time, as by a server that is asked while it starts."""

import threading
from concurrent.futures import ThreadPoolExecutor

from stream_aligner_lc.local.models import LocalModel
from stream_aligner_lc.sums import pair


def test_models_that_are_loaded_side_by_side_are_all_whole():
    models = [LocalModel(source, device="cpu") for source in (pair.UPSTREAM, pair.ALIGNER) for _ in range(3)]
    ready = threading.Barrier(len(models))

    def load(model):
        ready.wait()
        return model.load().model

    with ThreadPoolExecutor(len(models)) as pool:
        loaded = list(pool.map(load, models))
    assert not [name for model in loaded for name, weights in model.named_parameters() if weights.is_meta]
