"""What is wrong with a model's folder is said in words: what, where, and the way out. No code of a checkpoint runs."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import threading

import pytest
import torch
import transformers as hf
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local import loading
from stream_aligner_lc.local.models import GivenModel, LocalModel
from tests.local.small_models import save, small_llama, tokenizer

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SECONDS = 120
"""Until who hangs is let go."""
SMALL = {"vocab_size": 640, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
BERT = {**SMALL, "intermediate_size": 48}
BART = {
    "vocab_size": 640, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "tie_word_embeddings": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder in which nothing is wrong."""
    return save(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it to break."""
    return shutil.copytree(whole, tmp_path / "broken")


def configure(folder, name="config.json", **changes):
    file = folder / name
    content = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def resave(folder, model):
    (folder / WEIGHTS).unlink()
    model.save_pretrained(folder)


def split(folder):
    """Cut the weights into two files with an index, as large models have them."""
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names, places = sorted(weights), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(part, file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))


def fails(said, source, **options):
    with pytest.raises(ConfigurationError, match=said) as caught:
        LocalModel(source, **{"device": "cpu", **options}).load()
    assert str(source) in str(caught.value) or "device" in options


def test_a_whole_folder_is_loaded_once_and_ready_to_run(whole):
    model = LocalModel(whole, device="cpu")
    assert not model.is_loaded
    loaded = model.load()
    assert model.load() is loaded
    assert model.is_loaded
    assert not loaded.model.training
    assert (loaded.model.dtype, loaded.model.device.type) == (torch.float32, "cpu")
    assert loaded.max_tokens == 1024
    assert loaded.ends == {1}


def test_weights_in_several_files_are_loaded(folder):
    split(folder)
    assert LocalModel(folder).load().model.num_parameters() == small_llama().num_parameters()


def test_the_type_of_the_weights_can_be_chosen(whole):
    for name in ("float64", "bfloat16", "torch.float16"):
        loaded = LocalModel(whole, dtype=name, device="cpu").load()
        assert str(loaded.model.dtype).endswith(name.removeprefix("torch."))


@pytest.mark.parametrize("source", ["/no/such/folder", "./nothing", "~/nothing", "a/b/c", " ", "", "x\\y"])
def test_a_path_without_a_folder_is_an_error_at_once(source):
    with pytest.raises(ConfigurationError, match=r"There is no folder '.*organisation/name"):
        LocalModel(source)


def test_a_prompt_in_place_of_a_path_is_an_error_that_does_not_quote_all_of_it():
    prompt = "Correct every sentence/claim/number. " * 500
    with pytest.raises(ConfigurationError, match=r"There is no folder 'Correct every .*\.\.\.\. Give") as caught:
        LocalModel(prompt)
    assert len(str(caught.value)) < 600


def test_what_is_no_path_is_an_error_that_names_from_model():
    with pytest.raises(ConfigurationError, match=r"got 7 \(int\).*from_model"):
        LocalModel(7)


def broken_json(folder, name):
    (folder / name).write_text("{")


BROKEN = {
    "a file": (lambda folder: folder / WEIGHTS, "is a file.*folder that holds config.json"),
    "an empty folder": (
        lambda folder: [file.unlink() for file in folder.iterdir()], "no model: there is no file config.json"
    ),
    "an adapter of another kind": (
        lambda folder: (folder / "config.json").rename(folder / "adapter_config.json"),
        "holds an adapter of the kind None, and only LoRA",
    ),
    "an adapter beside a whole model": (
        lambda folder: (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}'),
        "has no weights: there is no file adapter_model.safetensors",
    ),
    "no type": (lambda folder: configure(folder, model_type=None), "no `model_type` in its config.json.*Save it"),
    "no type but code": (
        lambda folder: configure(folder, model_type=None, auto_map={"AutoConfig": "code.Config"}),
        "needs code of its own.*never run",
    ),
    "a configuration that is no JSON": (lambda folder: broken_json(folder, "config.json"), "is no JSON.*again"),
    "a configuration that is a list": (
        lambda folder: (folder / "config.json").write_text("[]"), "holds no JSON object.*again"
    ),
    "a generation configuration that is no JSON": (
        lambda folder: broken_json(folder, "generation_config.json"), "generation_config.json' is no JSON"
    ),
    "no tokenizer": (
        lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer: none of tokenizer.json.*save_pretrained"
    ),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "has no weights: there is no file model.safetensors"),
    "a pickle": (
        lambda folder: (folder / WEIGHTS).rename(folder / "pytorch_model.bin"),
        "weights in pytorch_model.bin, and only safetensors.*can run code",
    ),
    "a missing shard": (
        lambda folder: (split(folder), (folder / "model-00002-of-00002.safetensors").unlink()),
        "lacks 1 of 2 weight files: model-00002-of-00002",
    ),
    "an index to elsewhere": (
        lambda folder: (split(folder), configure(folder, INDEX, weight_map={"a": "../../weights"})),
        "does not name the weight files beside it",
    ),
    "an index of nothing": (
        lambda folder: (split(folder), configure(folder, INDEX, weight_map=None)),
        "does not name the weight files beside it",
    ),
    "an LFS pointer": (
        lambda folder: (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "pointer to the weights.*git lfs pull",
    ),
    "an empty file": (lambda folder: (folder / WEIGHTS).write_bytes(b""), "cut off or no safetensors file"),
    "random bytes": (lambda folder: (folder / WEIGHTS).write_bytes(b"\xff" * 5000), "cut off or no safetensors file"),
    "another head": (
        lambda folder: configure(folder, architectures=["LlamaForSequenceClassification"]),
        "no causal language model, but LlamaForSequenceClassification",
    ),
    "an encoder": (
        lambda folder: resave(folder, hf.BertForMaskedLM(hf.BertConfig(**BERT))),
        "no causal language model, but BertForMaskedLM",
    ),
    "an encoder and a decoder": (
        lambda folder: resave(folder, hf.BartForConditionalGeneration(hf.BartConfig(**BART))),
        "no causal language model, but an encoder and a decoder",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_can_be_seen_is_said_before_anything_is_loaded(what, folder):
    break_it, said = BROKEN[what]
    source = break_it(folder) if what == "a file" else (break_it(folder), folder)[1]
    with pytest.raises(ConfigurationError, match=said) as caught:
        LocalModel(source)
    assert str(folder) in str(caught.value)


def cut_off(folder):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:-1000])


def scramble(folder):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:8] + b"\xff" * (len(content) - 8))


UNLOADABLE = {
    "a truncated file": (cut_off, "model.safetensors' is cut off or broken.*again"),
    "a scrambled file": (scramble, "model.safetensors' is cut off or broken.*again"),
    "more layers than weights": (
        lambda folder: configure(folder, num_hidden_layers=3), "lacks 9 of the weights of LlamaForCausalLM.*random"
    ),
    "wider layers than weights": (
        lambda folder: configure(folder, hidden_size=64),
        r"has 21 weights of another size.*\(640, 32\) where it says \(640, 64\)",
    ),
    "an unknown type": (
        lambda folder: configure(folder, model_type="unheard"), "type 'unheard', which transformers .*install -U"
    ),
    "an unknown type with code": (
        lambda folder: configure(folder, model_type="unheard", auto_map={"AutoModelForCausalLM": "code.Model"}),
        "needs code of its own, and code of a checkpoint is never run",
    ),
    "an encoder by its type alone": (
        lambda folder: (resave(folder, hf.DistilBertModel(hf.DistilBertConfig(dim=32, n_heads=2))),),
        "no causal language model, but of the type 'distilbert'",
    ),
    "a base without a head": (
        lambda folder: resave(folder, hf.BertModel(hf.BertConfig(**BERT))), "lacks 6 of the weights of BertLMHeadModel"
    ),
    "impossible numbers": (
        lambda folder: configure(folder, num_attention_heads=5), "could not be loaded by transformers.*multiple"
    ),
    "a tokenizer that is no JSON": (
        lambda folder: broken_json(folder, "tokenizer.json"), "could not be loaded by transformers.*JSONDecodeError"
    ),
    "another model's tokenizer": (
        lambda folder: resave(folder, small_llama(vocab_size=100)),
        r"tokenizer .* has \d+ tokens, and its model knows 100",
    ),
    "a quantization that needs a package": (
        lambda folder: configure(folder, quantization_config={"quant_method": "gptq", "bits": 4}),
        "needs a package that is not installed.*optimum",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", UNLOADABLE)
def test_what_shows_in_loading_is_said_as_clearly(what, folder):
    break_it, said = UNLOADABLE[what]
    break_it(folder)
    fails(f"(?s){said}", folder)


def test_a_model_that_failed_to_load_is_tried_again(folder):
    content = (folder / WEIGHTS).read_bytes()
    model = LocalModel(folder)
    cut_off(folder)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="cut off"):
            model.load()
    (folder / WEIGHTS).write_bytes(content)
    assert model.load().model.num_parameters() > 0


def test_no_code_of_a_checkpoint_is_run(folder, tmp_path):
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w').write('yes')\nfrom transformers import LlamaConfig as C, LlamaForCausalLM as M\n"
    for name in ("code.py", "modeling.py", "tokenization.py", "configuration.py"):
        (folder / name).write_text(code)
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(code)
    places = {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}
    configure(folder, auto_map=places, custom_pipelines={})
    configure(folder, "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization.C", None]})
    # Of a known type: transformers' own class is loaded.
    assert LocalModel(folder).load().model.num_parameters() > 0
    configure(folder, model_type="unheard")
    fails("never run", folder)
    assert not ran.exists()


@pytest.mark.parametrize("device", ["cuda:7", "tpu", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there_is_an_error_that_lists_those_that_are(device, whole):
    fails(rf"`device='{device}'` is not there; torch .* sees cpu.*\"auto\"", whole, device=device)


def test_an_unknown_type_of_weights_is_an_error_at_once(whole):
    with pytest.raises(ConfigurationError, match=r"`dtype` must be one of 'auto', .*got 'float8'"):
        LocalModel(whole, dtype="float8")


def test_a_model_that_does_not_fit_is_refused_before_it_is_read(whole, monkeypatch):
    monkeypatch.setattr(loading, "free_bytes", lambda device: 100_000)
    fails(
        r"does not fit into the memory of cpu.*The weights take 0.00 GB as torch.float32, and 0.00 GB are free", whole
    )
    monkeypatch.setattr(loading, "free_bytes", lambda device: None)
    model = LocalModel(whole, device="cpu")
    assert model.load().model.num_parameters() == loading.num_weights(model.folder)


def test_running_out_of_memory_while_loading_says_so(whole, monkeypatch):
    def run_out(*args, **kwargs):
        raise torch.OutOfMemoryError("no more")

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", run_out)
    fails("does not fit into the memory of cpu.*smaller model.*It said: no more", whole)


def test_what_memory_is_free_is_known_on_a_cpu():
    assert loading.free_bytes(torch.device("cpu")) > 1_000_000
    assert loading.free_bytes(torch.device("meta")) is None


def test_a_given_model_keeps_its_type_and_place():
    given = GivenModel(small_llama().double(), tokenizer())
    assert (given.dtype, given.device, given.name) == ("float64", "cpu", "LlamaForCausalLM")
    assert given.load().model.dtype == torch.float64
    assert given.identity != GivenModel(small_llama(), tokenizer()).identity


def test_a_model_that_comes_from_training_is_made_ready():
    assert not GivenModel(small_llama().train(), tokenizer()).load().model.training


def test_every_token_that_ends_a_reply_is_known():
    model = small_llama()
    model.generation_config.eos_token_id = [7, 8]
    assert GivenModel(model, tokenizer()).load().ends == {7, 8, 1}
    model.generation_config.eos_token_id = None
    assert GivenModel(model, tokenizer()).load().ends == {1}


HUB = """
    import sys
    from stream_aligner_lc.errors import ConfigurationError
    from stream_aligner_lc.local.models import LocalModel

    import stream_aligner_lc.local.loading
    outside = []
    sys.addaudithook(lambda event, _: outside.append(event) if event in ("socket.connect", "socket.getaddrinfo") else 0)
    for name in sys.argv[1:]:
        source, _, revision = name.partition("@")
        try:
            print("loaded", source, LocalModel(source, revision=revision or None).load().model.num_parameters())
        except ConfigurationError as error:
            print("refused", error)
    print("outside", *outside)
"""


def run(script, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        check=False, capture_output=True, text=True, timeout=600, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def cache(home, name, folder):
    """Lay out a cache as the hub's client does."""
    repository = home / "hub" / f"models--organisation--{name}"
    commit = "a" * 40
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)


def test_offline_a_cached_hub_model_loads_and_any_other_is_refused_without_asking_anyone(whole, folder, tmp_path):
    cache(tmp_path, "name", whole)
    (folder / WEIGHTS).unlink()
    cache(tmp_path, "half", folder)
    wanted = ["organisation/name", "organisation/half", "organisation/name@other", "organisation/unheard"]
    loaded, half, other, unheard, outside = run(HUB, *wanted, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path)).splitlines()
    assert loaded.startswith("loaded organisation/name")
    assert half.startswith("refused The hub repository 'organisation/half' cannot be used:")
    assert "has no weights" in half
    assert other.startswith("refused There is no folder 'organisation/name' at revision 'other', and as a hub")
    assert unheard.startswith(
        "refused There is no folder 'organisation/unheard', and as a hub repository it is neither"
    )
    assert unheard.endswith("Go online, or give the path of a folder.")
    assert outside == "outside", "nobody was asked or waited for"


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that refuses every model, once it may answer."""

    def do_GET(self):
        self.server.requests.append(self.path)
        self.server.may_answer.wait(SECONDS)
        self.send_response(401)
        self.send_header("X-Error-Code", "GatedRepo" if "gated" in self.path else "RepoNotFound")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Let this process take a server of its own for the hub."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.daemon_threads = True
    server.requests, server.may_answer = [], threading.Event()
    server.may_answer.set()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield server
    server.may_answer.set()
    server.shutdown()
    server.server_close()


def refused(source):
    with pytest.raises(ConfigurationError) as caught:
        LocalModel(source).load()
    return str(caught.value)


@pytest.fixture
def dialled(hub, monkeypatch):
    """Return the addresses that this process tries to connect to from now on."""
    # The hub's library asks for something of its own, once in a process.
    refused("organisation/another")
    addresses, connect = [], socket.socket.connect

    def seen(self, address):
        addresses.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", seen)
    return addresses


def test_a_hub_that_refuses_is_asked_for_nothing_twice_and_its_reason_named(hub):
    assert "'organisation/gated' asks for an agreement. Accept it on its page" in refused("organisation/gated")
    assert "no folder and no hub repository 'organisation/name'. Check the name" in refused("organisation/name")
    asked = [path for path in hub.requests if path.startswith("/api/models/")]
    assert asked
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("source", ["a--b", "-name", "name.git", "x" * 200])
def test_an_impossible_hub_id_is_refused_as_an_unknown_one(source, hub):
    assert f"There is no folder and no hub repository {source!r}" in refused(source)


def test_a_hub_that_cannot_be_reached_is_not_waited_for(dialled, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    said = refused("organisation/name")
    assert dialled == [("127.0.0.1", 9)], "it is not tried again"
    assert said.startswith("There is no folder 'organisation/name', and as a hub repository it is neither in the cache")
    assert "Connect" in said


def test_a_hub_that_does_not_answer_is_waited_for_as_long_as_it_is_told(hub, dialled, monkeypatch):
    hub.may_answer.clear()
    monkeypatch.setattr(loading, "HF_HUB_ETAG_TIMEOUT", 0.3)
    assert "nor can it be fetched: ReadTimeout" in refused("organisation/name")
    assert dialled == [hub.server_address], "it is not tried again"


MISSING = """
    import sys

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == sys.argv[2]:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Blocked())
    from stream_aligner_lc import StreamAlignedChat, TransformersAligner
    from stream_aligner_lc.errors import ConfigurationError
    from stream_aligner_lc.testing import ScriptedChatModel

    llm = StreamAlignedChat(ScriptedChatModel("One. Two."), TransformersAligner(sys.argv[1]))
    try:
        llm.invoke("Count.")
    except ConfigurationError as error:
        print(error)
"""


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_is_an_error_that_names_the_extra(package, whole):
    said = run(MISSING, whole, package)
    assert said.strip() == (
        f"A local model needs {package}, which is not installed: pip install 'stream-aligner-lc[local]'."
    )
