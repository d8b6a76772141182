"""The formats that are rows of JSON, one table: which file, which rows, what goes beside them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import UsageError
from engine.exporters.conversations import internvl_rows, llama_factory_row, swift_row, trl_row
from engine.exporters.footage import Footage
from engine.exporters.hivau import in_release_order
from engine.exporters.papers import vad_instruct_rows, vad_llama_row
from engine.formats import Family
from engine.tree import VideoNode
from schemas import Instruction

Rows = Callable[[VideoNode, Sequence[Instruction], Footage, int], Iterable[Mapping[str, object]]]
"""(video, its instructions, footage, number of rows so far in the file) -> rows of one video."""
Companions = Callable[[Mapping[str, int]], Mapping[str, object]]
"""File -> its number of rows, to: file beside them -> its JSON."""


@dataclass(frozen=True)
class RowForm:
    """One format."""

    file: str
    """With `{split}` in it."""
    rows: Rows
    companions: Companions = lambda _: {}
    needs_all: bool = False
    """Whether it looks at events and texts; most look at instructions alone."""
    own_rows: Rows | None = None
    """In place of `rows` where the family of the form's name is exported: of that alone."""


TELL_TIMES = ("swift", "internvl", "parquet", "webdataset")
"""Formats whose readers take a stretch of a source video in place of a cut file."""
WITHOUT_MEDIA = ("hivau-raw", "vad-llama", "csv")
"""Formats that name no segment's file; times change nothing in them."""


FAMILIES_OF: Mapping[str, tuple[Family, ...]] = {
    "hivau-single": ("hivau",),
    "hivau-multi": ("hivau",),
    "vad-instruct": ("vad-instruct", "hivau"),
    "csv": ("mcq",),
}
"""Formats of one paper's set -> what they carry; the others of instructions carry all."""


def refuse_families(formats: Iterable[str], families: Collection[str]) -> None:
    """Raises `UsageError` naming a format that can carry none of these families."""
    for name in formats:
        carried = FAMILIES_OF.get(name)
        if carried is not None and not set(carried) & set(families):
            raise UsageError(
                f"{name} carries instructions of {' or '.join(carried)} alone, and the export is "
                f"of {', '.join(families)}; add {carried[0]} to [instruct] families or --family, "
                "or leave that format out"
            )


def refuse_times(formats: Iterable[str]) -> None:
    """Raises `UsageError` naming the formats that cannot tell a stretch of a source video."""
    unable = sorted(set(formats) - {*TELL_TIMES, *WITHOUT_MEDIA})
    if unable:
        raise UsageError(
            f"{', '.join(unable)} can name whole files only; cut them with --media, or export "
            f"--times with {', '.join(TELL_TIMES)}"
        )


def _llama_factory(
    node: VideoNode, kept: Sequence[Instruction], footage: Footage, _: int
) -> Iterable[Mapping[str, object]]:
    return [llama_factory_row(node.video, row, footage) for row in in_release_order(kept)]


def _swift(
    node: VideoNode, kept: Sequence[Instruction], footage: Footage, _: int
) -> Iterable[Mapping[str, object]]:
    return [swift_row(node.video, row, footage) for row in in_release_order(kept)]


def _internvl(
    node: VideoNode, kept: Sequence[Instruction], footage: Footage, next_id: int
) -> Iterable[Mapping[str, object]]:
    for instruction in in_release_order(kept):
        yield from internvl_rows(node.video, instruction, footage, start_id=next_id)
        next_id += len(instruction.turns)


def _trl(
    node: VideoNode, kept: Sequence[Instruction], footage: Footage, _: int
) -> Iterable[Mapping[str, object]]:
    return [trl_row(node.video, row, footage) for row in in_release_order(kept)]


def _vad_instruct(
    node: VideoNode, kept: Sequence[Instruction], _footage: Footage, _: int
) -> Iterable[Mapping[str, object]]:
    return vad_instruct_rows(node, kept)


def _vad_llama(
    node: VideoNode, kept: Sequence[Instruction], _footage: Footage, _: int
) -> Iterable[Mapping[str, object]]:
    row = vad_llama_row(node, kept)
    return [] if row is None else [row]


def _own_vad_instruct(
    node: VideoNode, kept: Sequence[Instruction], _footage: Footage, _: int
) -> Iterable[Mapping[str, object]]:
    return vad_instruct_rows(node, kept, is_own_alone=True)


def _own_vad_llama(
    node: VideoNode, kept: Sequence[Instruction], _footage: Footage, _: int
) -> Iterable[Mapping[str, object]]:
    row = vad_llama_row(node, kept, is_own_alone=True)
    return [] if row is None else [row]


def _dataset_info(num_rows: Mapping[str, int]) -> Mapping[str, object]:
    """LLaMA-Factory's description, one dataset per split."""
    described = {
        f"vau_{_stem(file)}": {
            "file_name": file.rpartition("/")[2],
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "videos": "videos"},
        }
        for file in num_rows
    }
    return {"llama-factory/dataset_info.json": described}


def _meta(num_rows: Mapping[str, int]) -> Mapping[str, object]:
    """InternVL's description, a file per split; paths count from the release's folder."""
    return {
        f"internvl/meta_{_stem(file)}.json": {
            f"vau_{_stem(file)}": {
                "root": ".",
                "annotation": file,
                "data_augment": False,
                "repeat_time": 1,
                "length": count,
            }
        }
        for file, count in num_rows.items()
    }


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".jsonl")


ROW_FORMS: Mapping[str, RowForm] = {
    "vad-instruct": RowForm(
        "vad-instruct/{split}.jsonl", _vad_instruct, needs_all=True, own_rows=_own_vad_instruct
    ),
    "vad-llama": RowForm(
        "vad-llama/{split}.jsonl", _vad_llama, needs_all=True, own_rows=_own_vad_llama
    ),
    "llama-factory": RowForm("llama-factory/{split}.jsonl", _llama_factory, _dataset_info),
    "swift": RowForm("swift/{split}.jsonl", _swift),
    "internvl": RowForm("internvl/{split}.jsonl", _internvl, _meta),
    "trl": RowForm("trl/{split}.jsonl", _trl),
}
