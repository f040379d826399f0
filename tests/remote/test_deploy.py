"""The files of `examples/deploy` parse, name what is there, and use options that exist."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from stream_aligner_lc import ServerAligner, StreamAlignedChat

FOLDER = Path(__file__).parents[2] / "examples" / "deploy"
README = (FOLDER / "README.md").read_text()
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
RAY = yaml.safe_load((FOLDER / "serve.yaml").read_text())


def test_every_service_depends_on_one_that_is_there_and_tells_its_health():
    services = COMPOSE["services"]
    for service in services.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert services[other]["healthcheck"]["test"]


def test_every_mounted_file_is_there():
    mounted = [volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]]
    files = [place for place in mounted if place.startswith("./")]
    assert files
    assert all((FOLDER / file).is_file() for file in files)


def test_the_proxy_shares_out_to_the_service_and_listens_where_it_is_published():
    nginx = (FOLDER / "nginx.conf").read_text()
    assert nginx.count("{") == nginx.count("}")
    name = re.search(r"server (\w+):\d+", nginx)[1]
    assert name in COMPOSE["services"]
    listens = re.search(r"listen (\d+);", nginx)[1]
    assert [ports.split(":")[-1] for ports in COMPOSE["services"]["proxy"]["ports"]] == [listens]
    # The header of the README is the one that nginx reads.
    header = re.search(r'default_headers=\{"([\w-]+)"', README)[1]
    assert f"$http_{header.lower().replace('-', '_')}" in nginx


def test_both_serve_the_model_by_the_name_that_is_asked_for_with_prefix_caching():
    command = COMPOSE["services"]["aligner"]["command"]
    (config,) = RAY["applications"][0]["args"]["llm_configs"]
    name = re.search(r'ServerAligner\("[^"]+", "(\w+)"', README)[1]
    assert f"--served-model-name={name}" in command
    assert config["model_loading_config"]["model_id"] == name
    assert "--enable-prefix-caching" in command
    assert config["engine_kwargs"]["enable_prefix_caching"] is True
    length = config["engine_kwargs"]["max_model_len"]
    assert f"--max-model-len={length}" in command


def test_replicas_are_chosen_by_the_session_and_not_by_the_text_of_a_prompt():
    # ServerAligner sends token ids, at which Ray's router by prefixes divides by the length of no text.
    (config,) = RAY["applications"][0]["args"]["llm_configs"]
    router = config["deployment_config"]["request_router_config"]["request_router_class"]
    assert router == "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"


def test_every_key_comes_from_the_environment():
    assert COMPOSE["services"]["aligner"]["environment"]["VLLM_API_KEY"].startswith("${STREAM_ALIGNER_API_KEY")


@pytest.mark.parametrize("call", ["ServerAligner", "StreamAlignedChat"])
def test_the_options_of_the_readme_exist(call):
    known = set(inspect.signature(ServerAligner).parameters) | set(StreamAlignedChat.model_fields)
    used = set(re.findall(r"\b(tokenizer|api_key|default_headers|continuation|caution)=", README))
    assert used <= known
    assert call in README


def test_every_file_that_the_readme_links_is_there():
    linked = re.findall(r"\]\(([\w./]+)\)", README)
    assert {"compose.yaml", "nginx.conf", "serve.yaml"} <= set(linked)
    assert all((FOLDER / file).is_file() for file in linked)
