"""Copies before tensor parallelism, and refusals that show the arithmetic."""

import json
from typing import Any

import pytest

from engine.config import CaptionSection, ModelSection, SummarizeSection, VllmSection
from engine.errors import UsageError
from engine.serving.gpus import GpuShare
from engine.serving.plan import ServePlan, ServerPlan, command_line, plan_servers

LLAVA = CaptionSection(preset="llava-next-video-7b")
LLAMA = SummarizeSection(preset="llama-3-70b-instruct")


def a_plan(section: ModelSection, *, num_gpus: int, memory_gib: float, **vllm: Any) -> ServePlan:
    return plan_servers(section, GpuShare(tuple(range(num_gpus)), memory_gib), VllmSection(**vllm))


def shape(plan: ServePlan) -> list[tuple[int, ...]]:
    """The GPUs of each server."""
    return [server.gpu_ids for server in plan.servers]


def value_of(server: ServerPlan, option: str) -> str:
    return server.command[server.command.index(option) + 1]


def custom(**settings: Any) -> SummarizeSection:
    known = {"model": "my/model", "weights_gib": 10.0, "num_attention_heads": 32}
    return SummarizeSection(**{**known, **settings})


@pytest.mark.parametrize("memory_gib", [79.6, 80.0, 141.0])
def test_a_7b_captioner_is_copied_to_each_gpu(memory_gib: float) -> None:
    plan = a_plan(LLAVA, num_gpus=4, memory_gib=memory_gib)
    assert shape(plan) == [(0,), (1,), (2,), (3,)]
    assert [server.name for server in plan.servers] == [f"caption-{n}" for n in range(4)]
    assert {value_of(server, "--tensor-parallel-size") for server in plan.servers} == {"1"}


@pytest.mark.parametrize("memory_gib", [79.6, 80.0])
def test_a_70b_summarizer_is_divided_by_four_on_80_gb(memory_gib: float) -> None:
    plan = a_plan(LLAMA, num_gpus=4, memory_gib=memory_gib)
    assert shape(plan) == [(0, 1, 2, 3)]
    assert value_of(plan.servers[0], "--tensor-parallel-size") == "4"


@pytest.mark.parametrize("memory_gib", [140.4, 141.0])
def test_a_70b_summarizer_is_divided_by_two_on_141_gb(memory_gib: float) -> None:
    assert shape(a_plan(LLAMA, num_gpus=4, memory_gib=memory_gib)) == [(0, 1), (2, 3)]


def test_gpus_that_stay_idle_are_named() -> None:
    plan = a_plan(LLAMA, num_gpus=7, memory_gib=80.0)
    assert shape(plan) == [(0, 1, 2, 3)]
    assert any("idle: GPU 4, 5, 6" in line for line in plan.arithmetic)


def test_servers_use_the_gpus_that_were_chosen_whatever_their_numbers() -> None:
    plan = plan_servers(LLAMA, GpuShare((1, 4, 5, 7), 141.0), VllmSection())
    assert shape(plan) == [(1, 4), (5, 7)]


def test_the_arithmetic_shows_each_way_that_was_tried() -> None:
    text = "\n".join(a_plan(LLAMA, num_gpus=4, memory_gib=80.0).arithmetic)
    assert "131.4 GiB of weights" in text
    assert "0.9 × 80.0 = 72.0 GiB" in text
    assert "TP 2: 131.4 / 2 + 14.4 = 80.1 GiB on each GPU, of 72.0: does not fit" in text
    assert "TP 4: 131.4 / 4 + 14.4 = 47.2 GiB on each GPU, of 72.0: fits" in text


def test_too_few_gpus_are_refused_with_the_number_that_would_do() -> None:
    with pytest.raises(UsageError) as caught:
        a_plan(LLAMA, num_gpus=2, memory_gib=80.0)
    assert "needs 4 GPUs of this size, and --gpus is 2" in str(caught.value)
    assert "80.1 GiB on each GPU, of 72.0: does not fit" in str(caught.value)
    assert "--model qwen3.8-27b" in str(caught.value)


def test_a_model_that_fits_on_no_number_of_gpus_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(UsageError) as caught:
        a_plan(custom(weights_gib=400.0, num_attention_heads=12), num_gpus=16, memory_gib=24.0)
    said = str(caught.value)
    assert "does not fit on GPUs of this size, however many" in said
    assert "TP 4: 400.0 / 4 + 4.3 = 104.3 GiB on each GPU, of 21.6: does not fit" in said
    assert "TP 8" not in said  # 12 heads are not 8 × anything


def test_the_smallest_preset_is_not_told_to_take_a_smaller_one() -> None:
    with pytest.raises(UsageError) as caught:
        a_plan(CaptionSection(preset="qwen3-vl-8b-fp8"), num_gpus=1, memory_gib=4.0)
    assert "--model" not in str(caught.value)


@pytest.mark.parametrize(("num_kv_heads", "num_gpus_each"), [(8, 4), (2, 4), (10, None), (None, 4)])
def test_key_value_heads_are_dealt_out_or_repeated_but_never_split(
    num_kv_heads: int | None, num_gpus_each: int | None
) -> None:
    section = custom(weights_gib=60.0, num_attention_heads=40, num_key_value_heads=num_kv_heads)
    if num_gpus_each is None:
        with pytest.raises(UsageError, match="does not fit"):
            a_plan(section, num_gpus=8, memory_gib=24.0)
        return
    plan = a_plan(section, num_gpus=8, memory_gib=24.0)
    assert {len(server.gpu_ids) for server in plan.servers} == {num_gpus_each}


@pytest.mark.parametrize("missing", ["weights_gib", "num_attention_heads"])
def test_a_model_of_unknown_size_is_refused_with_the_lines_to_write(missing: str) -> None:
    with pytest.raises(UsageError) as caught:
        a_plan(custom(**{missing: None}), num_gpus=1, memory_gib=80.0)
    for told in ("[summarize]", "weights_gib", "num_attention_heads", "llama-3-70b-instruct"):
        assert told in str(caught.value)


def test_a_custom_model_takes_three_lines() -> None:
    (server,) = a_plan(custom(), num_gpus=1, memory_gib=24.0).servers
    assert server.command[1:3] == ("serve", "my/model")
    assert server.served_model_name == value_of(server, "--served-model-name") == "my/model"
    assert value_of(server, "--max-model-len") == "auto"
    assert "--revision" not in server.command


def test_weights_may_lie_elsewhere_than_records_say() -> None:
    section = custom(weights="/data/weights/it", revision="v2")
    (server,) = a_plan(section, num_gpus=1, memory_gib=24.0).servers
    assert server.command[2] == "/data/weights/it"
    assert value_of(server, "--served-model-name") == "my/model"
    assert "--revision" not in server.command  # a folder has none


def test_the_command_line_says_all_that_decides_what_is_served() -> None:
    plan = a_plan(LLAVA, num_gpus=1, memory_gib=80.0, command="/opt/vllm/bin/vllm")
    assert command_line(plan.servers[0]) == (
        "CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=0 /opt/vllm/bin/vllm serve "
        f"{LLAVA.model} --revision {LLAVA.revision} --served-model-name {LLAVA.model} "
        "--tensor-parallel-size 1 --gpu-memory-utilization 0.9 --max-model-len 4096 "
        "--generation-config vllm --disable-uvicorn-access-log --limit-mm-per-prompt "
        """'{"image":0,"video":{"count":1,"num_frames":16,"width":600,"height":600}}' """
        "--trust-request-mm-kwargs "
        "--host 127.0.0.1 --port {port}"
    )


@pytest.mark.parametrize(
    ("video_format", "limit"),
    [
        ("video_url", {"image": 0, "video": {"count": 1, "num_frames": 5}}),
        ("image_url", {"image": {"count": 5}, "video": 0}),
    ],
)
def test_the_server_expects_as_many_frames_as_are_sent(
    video_format: Any, limit: dict[str, Any]
) -> None:
    """More than a preset's frames in dataset.toml would else be refused by the server."""
    section = LLAVA.model_copy(update={"num_frames": 5, "video_format": video_format})
    (server,) = a_plan(section, num_gpus=1, memory_gib=80.0).servers
    told = json.loads(value_of(server, "--limit-mm-per-prompt"))
    for key in ("image", "video"):
        if isinstance(limit[key], dict):
            limit[key] |= {"width": 600, "height": 600}
    assert told == limit


def test_arguments_of_the_model_and_of_all_models_follow_the_plan() -> None:
    section = custom(serve_args=("--max-num-seqs", "64"))
    plan = a_plan(section, num_gpus=1, memory_gib=24.0, extra_args=("--enforce-eager",))
    assert plan.servers[0].command[-3:] == ("--max-num-seqs", "64", "--enforce-eager")


@pytest.mark.parametrize(
    "argument", ["--port", "--tensor-parallel-size=8", "--served_model_name", "-tp", "--api-key"]
)
@pytest.mark.parametrize("place", ["serve_args", "extra_args"])
def test_arguments_that_the_plan_decides_are_refused(argument: str, place: str) -> None:
    section = custom(serve_args=(argument, "1")) if place == "serve_args" else custom()
    more = {"extra_args": (argument, "1")} if place == "extra_args" else {}
    with pytest.raises(UsageError, match=f"{place} may not have '{argument}'"):
        a_plan(section, num_gpus=1, memory_gib=24.0, **more)


def test_secrets_in_the_environment_are_given_to_servers_but_not_shown() -> None:
    environment = {"HF_TOKEN": "hf_abc", "HF_HOME": "/data/hf"}
    (server,) = a_plan(custom(), num_gpus=1, memory_gib=24.0, environment=environment).servers
    assert dict(server.environment) == environment
    assert "hf_abc" not in command_line(server)
    assert "HF_HOME=/data/hf" in command_line(server)
