"""Video LLMs of each family, random and tiny, with a tokenizer made of our own question pools."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from engine.prompting import question_pools, questions

MARKS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "</s>", "<img>", "</img>", "<IMG_CONTEXT>",
    "<image>", "<video>", "<|vision_start|>", "<|vision_end|>", "<|video_pad|>", "<|image_pad|>",
)  # fmt: skip
FAMILIES = ("internvl", "llava_next_video", "qwen2_5_vl", "qwen3_vl")
WIDTH, LAYERS, HEADS = 64, 2, 4


def tiny_base(dir_path: Path, family: str, *, seed: int = 0) -> Path:
    """A folder as `save_pretrained` writes it."""
    torch.manual_seed(seed)
    tokenizer = tokenizer_ending("</s>" if family == "llava_next_video" else "<|im_end|>")
    build: dict[str, Callable[[PreTrainedTokenizerFast], Any]] = {
        "internvl": _internvl,
        "llava_next_video": _llava_next_video,
        "qwen2_5_vl": _qwen2_5_vl,
        "qwen3_vl": _qwen3_vl,
    }
    model = build[family](tokenizer)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(dir_path)
    tokenizer.save_pretrained(dir_path)
    return dir_path


def tokenizer_ending(end: str) -> PreTrainedTokenizerFast:
    """With all families' marks, one of which ends a turn."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=list(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [question for pool in question_pools() for question in questions(pool)]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token="<|endoftext|>"
    )


def _text(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "initializer_range": 0.2,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _id(tokenizer: PreTrainedTokenizerFast, mark: str) -> int:
    return int(tokenizer.convert_tokens_to_ids(mark))


def _internvl(tokenizer: PreTrainedTokenizerFast) -> Any:
    vision = InternVLVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=(28, 28), patch_size=(7, 7), use_qk_norm=False,
    )  # fmt: skip
    return InternVLForConditionalGeneration(
        InternVLConfig(
            vision_config=vision,
            text_config=Qwen2Config(**_text(tokenizer)),
            image_token_id=_id(tokenizer, "<IMG_CONTEXT>"),
            image_seq_length=4,
            tie_word_embeddings=False,
        )
    )


def _llava_next_video(tokenizer: PreTrainedTokenizerFast) -> Any:
    vision = CLIPVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=28, patch_size=7, projection_dim=32,
    )  # fmt: skip
    return LlavaNextVideoForConditionalGeneration(
        LlavaNextVideoConfig(
            vision_config=vision,
            text_config=LlamaConfig(**_text(tokenizer)),
            image_token_index=_id(tokenizer, "<image>"),
            video_token_index=_id(tokenizer, "<video>"),
            image_grid_pinpoints=[[28, 28]],
            tie_word_embeddings=False,
        )
    )


def _qwen_marks(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    return {
        "image_token_id": _id(tokenizer, "<|image_pad|>"),
        "video_token_id": _id(tokenizer, "<|video_pad|>"),
        "vision_start_token_id": _id(tokenizer, "<|vision_start|>"),
        "vision_end_token_id": _id(tokenizer, "<|vision_end|>"),
    }


def _rope() -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}


def _qwen2_5_vl(tokenizer: PreTrainedTokenizerFast) -> Any:
    vision = {
        "depth": 2, "hidden_size": 32, "out_hidden_size": WIDTH, "intermediate_size": 64,
        "num_heads": 2, "patch_size": 7, "spatial_merge_size": 2, "temporal_patch_size": 2,
        "window_size": 28, "fullatt_block_indexes": [1], "tokens_per_second": 2,
    }  # fmt: skip
    text = _text(tokenizer) | {"rope_parameters": _rope()}
    config = Qwen2_5_VLConfig(vision_config=vision, text_config=text, **_qwen_marks(tokenizer))
    return Qwen2_5_VLForConditionalGeneration(config)


def _qwen3_vl(tokenizer: PreTrainedTokenizerFast) -> Any:
    vision = {
        "depth": 2, "hidden_size": 32, "out_hidden_size": WIDTH, "intermediate_size": 64,
        "num_heads": 2, "patch_size": 7, "spatial_merge_size": 2, "temporal_patch_size": 2,
        "deepstack_visual_indexes": [0], "num_position_embeddings": 16,
    }  # fmt: skip
    text = _text(tokenizer) | {"rope_parameters": _rope(), "head_dim": WIDTH // HEADS}
    config = Qwen3VLConfig(vision_config=vision, text_config=text, **_qwen_marks(tokenizer))
    return Qwen3VLForConditionalGeneration(config)
