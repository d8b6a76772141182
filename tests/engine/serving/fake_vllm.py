"""`fake_vllm.py serve MODEL [FAULT …] --host H --port P`: vLLM's command line without a model.

Serves `tests.fakes` in a process of its own, so that tests can kill it. Faults that come after so
many requests come in its first life only, unless `--again`.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


def main() -> None:
    options = _options()
    if options.orphan:
        # As a worker might that made a session of its own.
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for text in options.say:
        print(text, flush=True)
    if options.exit is not None:
        sys.exit(options.exit)
    if options.never_ready:
        time.sleep(600)
    _serve(options, is_faulty=options.again or _is_first_life(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--say", action="append", default=[])
    parser.add_argument("--exit", type=int)
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--stubborn", action="store_true", help="ignores SIGTERM")
    parser.add_argument("--orphan", action="store_true", help="starts a process that stays")
    parser.add_argument("--dies-after", type=int, metavar="COMPLETIONS")
    parser.add_argument("--hangs-after", type=int, metavar="COMPLETIONS")
    parser.add_argument("--tell-looks", action="store_true", help="notes each look at /metrics")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--lives", type=Path, metavar="FILE", help="gets a line for each life")
    options, _of_the_real_one = parser.parse_known_args()
    return options


def _is_first_life(options: argparse.Namespace) -> bool:
    if options.lives is None:
        return True
    has_lived = options.lives.exists()
    with options.lives.open("a") as lives:
        lives.write(f"{os.getpid()}\n")
    return not has_lived


def _serve(options: argparse.Namespace, *, is_faulty: bool) -> None:
    from tests.fakes import Behavior, FakeOpenAiServer, Fault, ReceivedRequest

    def fault_for(_request: ReceivedRequest) -> Fault | None:
        if not is_faulty:
            return None
        if options.dies_after is not None and server.num_completions > options.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if options.hangs_after is not None and server.num_completions > options.hangs_after:
            return Fault("late", seconds=600.0)
        return None

    class Telling(FakeOpenAiServer):
        def metrics(self) -> str:
            if options.tell_looks:
                print(f"counters were read after {self.num_completions} requests", flush=True)
            return super().metrics()

    def answer(_body: dict[str, Any], images: list[Any]) -> str:
        seen = zlib.crc32(b"".join(image.tobytes() for image in images))
        return f"The pictures add up to {seen:08x}."

    behavior = Behavior(
        models=(options.served_model_name or options.model,),
        answer=answer,
        fault_for=fault_for,
        latency_seconds=(options.latency, options.latency),
    )
    server = Telling(behavior, port=options.port)
    with server:
        time.sleep(600)


if __name__ == "__main__":
    main()
