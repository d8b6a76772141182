"""Builds the tiny models that the tests serve; a script for the Python of `.venv-vllm`.

`python tiny_models.py llama FOLDER LAYERS` writes a text model, `… llava FOLDER LAYERS` one of the
LLaVA-NeXT-Video architecture, as `vllm serve FOLDER` reads them: configuration, weights, tokenizer,
chat template, processor; 2 and 4 MB with two layers.

The weights are random, so a reply depends on all of the prompt and on every frame. They also lean
towards words and towards an early end: at a temperature of 1 replies are short texts that end by
themselves, as JSON too where that is asked for; at 0 they repeat themselves.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    LlavaNextImageProcessorPil,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    LlavaNextVideoProcessor,
    LlavaNextVideoVideoProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

QUESTIONS_DIR = Path(__file__).resolve().parents[2] / "prompts" / "questions"
"""Where the words come from: texts of the papers, which do not change."""
USER, ASSISTANT, END, VIDEO, IMAGE = "<|user|>", "<|assistant|>", "<|end|>", "<video>", "<image>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>"
    "{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content %}"
    "{{ '<video>' if part.type == 'video' else part.text }}"
    "{% endfor %}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
VOCABULARY_SIZE = 768
HIDDEN_SIZE = 128
CONTEXT_TOKENS = 4096
IMAGE_PX = 224
PATCH_PX = 14
"""224 over 14: vLLM's pooler divides by `image_size // patch_size**2`, which must not be 0."""
WEIGHT_STD = 0.2
HEAD_STD = 0.15

SHARE_OF_END = 1 / 30
SHARE_OF_QUOTE = 1 / 20
"""How likely a reply, and a string within JSON, ends at each token."""
UNLIKELY = -20.0
WORD = re.compile("Ġ?[A-Za-z]{2,}|[.,]")
CONSTANT, FRESH = 0, 1
"""Dimensions kept from the layers: one is alike for all tokens and carries what the model leans
to; the other marks tokens after which a text begins, so that none ends at its first token."""
MARK = 8.0


def build_llama(folder: Path, num_layers: int) -> None:
    """Write a text model of the Llama architecture."""
    tokenizer = train_tokenizer()
    model = LlamaForCausalLM(_text_config(tokenizer, num_layers))
    _set_weights(model, model.model, model.lm_head, tokenizer)
    _save(model, tokenizer, folder, rename=lambda name: name)


def build_llava(folder: Path, num_layers: int) -> None:
    """Write a LLaVA-NeXT-Video model: 64 tokens for each frame, one video in a prompt."""
    tokenizer = train_tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=HIDDEN_SIZE,
        intermediate_size=HIDDEN_SIZE,
        projection_dim=HIDDEN_SIZE,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=IMAGE_PX,
        patch_size=PATCH_PX,
    )
    config = LlavaNextVideoConfig(
        vision_config=vision,
        text_config=_text_config(tokenizer, num_layers),
        video_token_index=tokenizer.convert_tokens_to_ids(VIDEO),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
    )
    model = LlavaNextVideoForConditionalGeneration(config)
    _set_weights(model, model.model.language_model, model.lm_head, tokenizer)
    _save(model, _processor(tokenizer), folder, rename=_name_for_vllm)


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Make a byte-level BPE tokenizer of our prompts, with the chat template in it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[USER, ASSISTANT, END, VIDEO, IMAGE],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=END,
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT_TOKENS,
    )


def _texts() -> list[str]:
    return [path.read_text() for path in sorted(QUESTIONS_DIR.glob("*.txt"))]


def _text_config(tokenizer: PreTrainedTokenizerFast, num_layers: int) -> LlamaConfig:
    # Engines refuse heads smaller than 64.
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN_SIZE,
        intermediate_size=2 * HIDDEN_SIZE,
        num_hidden_layers=num_layers,
        num_attention_heads=HIDDEN_SIZE // 64,
        num_key_value_heads=HIDDEN_SIZE // 64,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _set_weights(
    model: PreTrainedModel,
    language: LlamaModel,
    head: torch.nn.Linear,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(std=WEIGHT_STD)
            if name.endswith(("self_attn.o_proj.weight", "mlp.down_proj.weight")):
                weight[[CONSTANT, FRESH]] = 0
        starts, ends = _starts_and_ends(tokenizer)
        language.embed_tokens.weight.normal_()
        language.embed_tokens.weight[:, CONSTANT] = MARK
        language.embed_tokens.weight[:, FRESH] = MARK * starts
        seen = _seen_of_constant(language, tokenizer)
        head.weight.normal_(std=HEAD_STD)
        head.weight[:, CONSTANT] = _leaning(tokenizer) / seen
        head.weight[:, FRESH] = UNLIKELY * ends / seen


def _seen_of_constant(language: LlamaModel, tokenizer: PreTrainedTokenizerFast) -> float:
    """What the constant dimension is, on average, after the last normalization."""
    ids = tokenizer(_texts()[0], return_tensors="pt")["input_ids"]
    return float(language(ids).last_hidden_state[..., CONSTANT].mean())


def _starts_and_ends(tokenizer: PreTrainedTokenizerFast) -> tuple[torch.Tensor, torch.Tensor]:
    """Which tokens begin a text, and which end one; a quotation mark does both."""
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    has_quote = torch.tensor([float('"' in token) for token in tokens])
    starts, ends = has_quote.clone(), has_quote.clone()
    starts[tokenizer.convert_tokens_to_ids(ASSISTANT)] = 1
    ends[tokenizer.eos_token_id] = 1
    return starts, ends


def _leaning(tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """(V,) log probabilities: words as often as in our prompts, ends as often as set above."""
    counts = Counter(token for text in _texts() for token in tokenizer(text)["input_ids"])
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    words = {id: counts[id] for id, token in enumerate(tokens) if WORD.fullmatch(token)}
    leaning = torch.full((len(tokens),), math.exp(UNLIKELY))
    for id, count in words.items():
        leaning[id] += count / sum(words.values())
    leaning[tokenizer.convert_tokens_to_ids([*"{:}"])] = math.exp(UNLIKELY / 2)
    leaning[tokenizer.convert_tokens_to_ids('"')] = SHARE_OF_QUOTE
    leaning[tokenizer.eos_token_id] = SHARE_OF_END
    return leaning.log()


def _processor(tokenizer: PreTrainedTokenizerFast) -> LlavaNextVideoProcessor:
    side = {"height": IMAGE_PX, "width": IMAGE_PX}
    return LlavaNextVideoProcessor(
        video_processor=LlavaNextVideoVideoProcessor(crop_size=side),
        image_processor=LlavaNextImageProcessorPil(crop_size=side),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
        patch_size=PATCH_PX,
        vision_feature_select_strategy="default",
        video_token=VIDEO,
        image_token=IMAGE,
        num_additional_image_tokens=1,
    )


def _name_for_vllm(name: str) -> str:
    """The name in checkpoints of old, which vLLM reads."""
    return name.replace("model.vision_tower.", "vision_tower.vision_model.")


def _save(
    model: PreTrainedModel,
    processor: PreTrainedTokenizerFast | LlavaNextVideoProcessor,
    folder: Path,
    *,
    rename: Callable[[str], str],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights = {rename(name): weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    processor.save_pretrained(folder)


if __name__ == "__main__":
    build = {"llama": build_llama, "llava": build_llava}[sys.argv[1]]
    build(Path(sys.argv[2]), int(sys.argv[3]))
