"""What others would pick, each in an environment of its own (``benchmarks/peers``)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench.contract import (
    IN_PROCESS,
    SERVED,
    TUTORIAL,
    Contender,
    Program,
    Server,
    Unavailable,
    Work,
)
from scoring.processes.port_owner import free_port
from scoring.settings import CODE_ROOT

HOST = "127.0.0.1"
PREPARE_SECONDS = 600
TAIL = 500


def _variables(work: Work, environment: str) -> dict[str, str]:
    """Return what every peer gets: the code, the bundle, silence, no wish for a GPU."""
    programs = str(Path(work.python(environment)).parent)
    return {
        # Some start others by name: MLflow uvicorn, for one.
        "PATH": os.pathsep.join((programs, os.environ.get("PATH", ""))),
        "BENCH_BUNDLE": str(work.bundle),
        "PYTHONPATH": str(CODE_ROOT),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "DO_NOT_TRACK": "1",
        "BENTOML_DO_NOT_TRACK": "True",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }


def _module(work: Work, environment: str, name: str, *arguments: object) -> Program:
    """Run one of our modules in a peer's environment."""
    module = f"benchmarks.peers.{name}"
    command = [work.python(environment), "-m", module, *map(str, arguments)]
    return Program(command, _variables(work, environment))


def _thin(environment: str, form: str) -> Callable[[Work, str], Program]:
    def client(work: Work, url: str) -> Program:
        signature = work.bundle / "signature.json"
        return _module(
            work, environment, "thin_client", work.folder, url, form, signature, work.out
        )

    return client


def _script(environment: str, name: str, kind: str) -> Callable[[Work, int], Program]:
    """Start a server that is a module of ours."""
    return lambda work, port: _module(work, environment, name, kind, port)


def _bentoml(service: str) -> Callable[[Work, int], Program]:
    def start(work: Work, port: int) -> Program:
        name = f"benchmarks.peers.bentoml_services:{service}"
        command = [work.python("bentoml"), "-m", "bentoml", "serve", name]
        return Program([*command, "--host", HOST, "--port", str(port)], _variables(work, "bentoml"))

    return start


def _mlserver(kind: str) -> Callable[[Work, int], Program]:
    def start(work: Work, port: int) -> Program:
        python = work.python("mlserver")
        command = [python, "-c", "from mlserver.cli.main import main; main()"]
        ports = {
            "MLSERVER_HTTP_PORT": str(port),
            "MLSERVER_GRPC_PORT": str(free_port(HOST)),
            "MLSERVER_METRICS_PORT": str(free_port(HOST)),
        }
        variables = {**_variables(work, "mlserver"), **ports}
        return Program([*command, "start", str(work.kept / kind)], variables)

    return start


def _mlflow(kind: str) -> Callable[[Work, int], Program]:
    def start(work: Work, port: int) -> Program:
        command = [work.python("mlflow"), "-m", "mlflow", "models", "serve", "--host", HOST]
        options = ["--port", str(port), "--env-manager", "local", "--model-uri"]
        return Program([*command, *options, str(work.kept / kind)], _variables(work, "mlflow"))

    return start


def _made(environment: str, name: str, kind: str) -> Callable[[Work], None]:
    """Have a module of ours make what a server wants, in the contender's own folder."""
    return lambda work: _prepare(_module(work, environment, name, kind, work.kept / kind))


def _onnx_models(work: Work) -> None:
    _prepare(
        _module(work, "onnx", "onnx_models", work.bundle / "model.keras", work.folder, work.kept)
    )


def _onnx(model: str) -> Callable[[Work, str], Program]:
    def client(work: Work, url: str) -> Program:
        arguments = (work.kept / f"{model}.onnx", work.bundle / "signature.json", work.out)
        return _module(work, "onnx", "onnx_loop", work.folder, *arguments)

    return client


def _prepare(program: Program) -> None:
    done = subprocess.run(
        program.command,
        cwd=CODE_ROOT,
        env=program.environment(),
        capture_output=True,
        text=True,
        timeout=PREPARE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"could not be prepared: {' '.join(done.stderr.split())[-TAIL:]}")


def _ray_data(work: Work, url: str) -> Program:
    return _module(work, "ray", "ray_data", work.folder, work.out)


PEERS = (
    Contender("onnx-fp32", "ONNX Runtime fp32", IN_PROCESS, _onnx("fp32"), prepare=_onnx_models),
    Contender("onnx-int8", "ONNX Runtime int8", IN_PROCESS, _onnx("int8"), prepare=_onnx_models),
    Contender("ray-data", "Ray Data, this project's int8", IN_PROCESS, _ray_data),
    Contender(
        "litserve",
        "LitServe, int8",
        SERVED,
        _thin("litserve", "block"),
        Server(_script("litserve", "litserve_server", "int8"), "/health"),
    ),
    Contender(
        "mlserver",
        "MLServer, int8",
        SERVED,
        _thin("mlserver", "block-v2"),
        Server(_mlserver("int8"), "/v2/models/bench/ready"),
        _made("mlserver", "mlserver_runtimes", "int8"),
    ),
    Contender(
        "bentoml",
        "BentoML, int8",
        SERVED,
        _thin("bentoml", "block"),
        Server(_bentoml("Int8Service"), "/readyz"),
    ),
    Contender(
        "mlflow",
        "MLflow, int8",
        SERVED,
        _thin("mlflow", "block-mlflow"),
        Server(_mlflow("int8"), "/ping"),
        _made("mlflow", "mlflow_models", "int8"),
    ),
    Contender(
        "ray-serve",
        "Ray Serve, int8",
        SERVED,
        _thin("ray", "block-root"),
        Server(_script("ray", "ray_serve", "int8"), "/"),
    ),
    Contender(
        "litserve-keras",
        "LitServe, Keras",
        TUTORIAL,
        _thin("litserve", "lists"),
        Server(_script("litserve", "litserve_server", "keras"), "/health"),
    ),
    Contender(
        "mlserver-keras",
        "MLServer, Keras",
        TUTORIAL,
        _thin("mlserver", "lists-v2"),
        Server(_mlserver("keras"), "/v2/models/bench/ready"),
        _made("mlserver", "mlserver_runtimes", "keras"),
    ),
    Contender(
        "bentoml-keras",
        "BentoML, Keras",
        TUTORIAL,
        _thin("bentoml", "lists-bare"),
        Server(_bentoml("KerasService"), "/readyz"),
    ),
    Contender(
        "mlflow-keras",
        "MLflow, Keras",
        TUTORIAL,
        _thin("mlflow", "lists-mlflow"),
        Server(_mlflow("keras"), "/ping"),
        _made("mlflow", "mlflow_models", "keras"),
    ),
    Contender(
        "ray-serve-keras",
        "Ray Serve, Keras",
        TUTORIAL,
        _thin("ray", "lists-root"),
        Server(_script("ray", "ray_serve", "keras"), "/"),
    ),
)
