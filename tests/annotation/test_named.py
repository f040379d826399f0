"""Models by their names."""

import builtins

import pytest
from langchain_openai import ChatOpenAI

from stream_aligner_lc import ChatTransformers, ConfigurationError
from stream_aligner_lc.named import UnsetModel, model_named
from stream_aligner_lc.sums import pair


def test_a_folder_is_a_local_model():
    model = model_named(str(pair.UPSTREAM), temperature=0, seed=3)
    assert isinstance(model, ChatTransformers)
    assert (model.model, model.temperature, model.seed) == (str(pair.UPSTREAM), 0, 3)


def test_a_folder_with_a_colon_in_its_name_is_a_folder(tmp_path):
    folder = tmp_path / "a:b"
    folder.symlink_to(pair.UPSTREAM)
    assert isinstance(model_named(str(folder)), ChatTransformers)


def test_what_looks_like_a_hub_id_is_a_local_model():
    assert isinstance(model_named("organisation/name"), ChatTransformers)


def test_a_provider_and_a_model_are_the_providers(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    model = model_named("openai:gpt-4.1-mini", temperature=0.5)
    assert isinstance(model, ChatOpenAI)
    assert (model.model_name, model.temperature) == ("gpt-4.1-mini", 0.5)


@pytest.mark.parametrize("name", ["", " ", "/no/such/folder", "./missing", "a/b/c", "nobody:model", "openai:"])
def test_what_names_no_model_is_told(name, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError):
        model_named(name)


def test_a_missing_key_is_told_in_the_providers_words(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=r"openai:gpt-4\.1-mini.*OPENAI_API_KEY"):
        model_named("openai:gpt-4.1-mini")


def test_a_missing_package_of_a_provider_is_told_by_name():
    with pytest.raises(ConfigurationError, match=r"langchain[-_]groq"):
        model_named("groq:llama")


def test_without_langchain_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "langchain":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"stream-aligner-lc\[agents\]"):
        model_named("openai:gpt-4.1-mini")


def test_a_model_that_is_not_set_says_what_to_set():
    with pytest.raises(ConfigurationError, match="Set MY_VARIABLE, such as openai:"):
        UnsetModel(variable="MY_VARIABLE").invoke("x")
