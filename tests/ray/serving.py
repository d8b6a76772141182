"""`python -m tests.ray.serving ADDRESS PORT`: deploys `ray_serve.yaml`, with the tests' fake model.

All but the model is the file's: names, routes, how many requests at once. The replicas are two of
each, and take no CPU. Says `ready`, then stays until its standard input is closed.
"""

import sys
from typing import Any

import orjson
import ray
import yaml
from ray import serve
from ray.serve.config import HTTPOptions
from starlette.requests import Request
from starlette.responses import Response

from tests.fake_replies import Behavior, ReceivedRequest, completion, said
from tests.ray.clusters import SERVE_CONFIG_PATH


def main(address: str, port: int) -> None:
    """Deploy every application of the file."""
    config = yaml.safe_load(SERVE_CONFIG_PATH.read_text())
    ray.init(address, log_to_driver=False)
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=port, location="HeadOnly"))
    for application in config["applications"]:
        app = build_openai_app(application["args"])
        serve.run(app, name=application["name"], route_prefix=application["route_prefix"])
    print("ready", flush=True)
    sys.stdin.read()
    serve.shutdown()


def build_openai_app(args: dict[str, Any]) -> Any:
    """In the place of `ray.serve.llm:build_openai_app`, from the same arguments."""
    [llm_config] = args["llm_configs"]
    deployment = serve.deployment(FakeModel).options(
        num_replicas=2,
        max_ongoing_requests=llm_config["deployment_config"]["max_ongoing_requests"],
        ray_actor_options={"num_cpus": 0},
    )
    return deployment.bind(llm_config["model_loading_config"]["model_id"])


class FakeModel:
    """Answers as the tests' OpenAI-compatible server does."""

    def __init__(self, model_id: str) -> None:
        self._behavior = Behavior(models=(model_id,))

    async def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            [model_id] = self._behavior.models
            return _json({"object": "list", "data": [{"id": model_id, "object": "model"}]})
        body, tag = orjson.loads(await request.body()), request.headers["x-request-id"]
        received = ReceivedRequest(tag.split(":")[1], body, dict(request.headers), 0.0)
        return _json(completion(body, tag, said(self._behavior, received, None), None))


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
