"""The configurations and commands of examples/train: read by the very code that will read them."""

import re
import shlex
from pathlib import Path

import pytest
from accelerate import DistributedType
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

from stream_aligner_lc.commands.train import command as train
from stream_aligner_lc.training.settings import Settings

FOLDER = Path(__file__).parents[2] / "examples" / "train"
FSDP, ZERO3 = FOLDER / "accelerate_fsdp.yaml", FOLDER / "accelerate_zero3.yaml"
CODE = re.findall("```bash\n(.*?)\n```", (FOLDER / "README.md").read_text(), re.DOTALL)


def launched(*arguments):
    args = launch_command_parser().parse_args([*map(str, arguments)])
    return _validate_launch_command(args)[0]


def settings_of(command):
    """Read a command of the page as the program does."""
    arguments = command[command.index("train") :]
    options = train.make_context("train", arguments[1:]).params
    return Settings(**{name: options[name] for name in Settings.names()})


def test_the_page_has_a_command_for_each_way():
    assert [shlex.split(code)[0] for code in CODE] == ["stream-aligner", *["accelerate"] * 3, "torchrun"]


@pytest.mark.parametrize("code", CODE)
def test_the_commands_ask_for_the_published_recipe(code):
    settings = settings_of(shlex.split(code))
    assert (settings.epochs, settings.rate, settings.schedule, settings.warm_up) == (3, 2e-5, "cosine", 0.03)
    assert (settings.max_tokens, settings.beta2, settings.copy_share) == (4096, 0.95, 0.2)
    processes = 8
    assert settings.batch * settings.accumulation * processes == 64


@pytest.mark.parametrize("code", [code for code in CODE if code.startswith("accelerate")])
def test_the_launcher_takes_them_for_eight_processes(code, monkeypatch):
    monkeypatch.chdir(FOLDER.parents[1])
    args = launched(*shlex.split(code)[2:])
    assert args.num_processes == 8
    assert (args.module, args.training_script, args.training_script_args[0]) == (True, "stream_aligner_lc", "train")


def test_fsdp_cuts_the_model_and_saves_it_whole(monkeypatch):
    config = load_config_from_file(str(FSDP))
    assert (config.distributed_type, config.num_processes, config.mixed_precision) == (DistributedType.FSDP, 8, "bf16")
    environment = prepare_multi_gpu_env(launched("--config_file", FSDP, "-m", "stream_aligner_lc"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environment["ACCELERATE_USE_FSDP"] == "true"
    assert environment["ACCELERATE_MIXED_PRECISION"] == "bf16"
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert "FULL_STATE_DICT" in str(plugin.state_dict_type)
    assert plugin.reshard_after_forward is True
    assert plugin.cpu_ram_efficient_loading is False


def test_deepspeed_cuts_the_model_and_saves_it_whole():
    config = load_config_from_file(str(ZERO3))
    assert config.distributed_type == DistributedType.DEEPSPEED
    args = launched("--config_file", ZERO3, "-m", "stream_aligner_lc")
    assert args.use_deepspeed
    # As the launcher does between the two.
    args.deepspeed_fields_from_accelerate_config = ",".join(config.deepspeed_config)
    _, environment = prepare_deepspeed_cmd_env(args)
    told = {name.removeprefix("ACCELERATE_DEEPSPEED_"): value for name, value in environment.items()}
    assert (told["ZERO_STAGE"], told["ZERO3_SAVE_16BIT_MODEL"], told["ZERO3_INIT"]) == ("3", "true", "false")
    assert environment["ACCELERATE_USE_DEEPSPEED"] == "true"
    assert environment["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert (told["OFFLOAD_OPTIMIZER_DEVICE"], told["OFFLOAD_PARAM_DEVICE"]) == ("none", "none")
