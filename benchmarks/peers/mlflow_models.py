"""Save what ``mlflow models serve`` serves: ``python -m … int8|keras FOLDER``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import mlflow

from benchmarks.peers.networks import bundle_folder


def main(kind: str, folder: str) -> None:
    """Save a model, in the place of one that is there."""
    shutil.rmtree(folder, ignore_errors=True)
    if kind == "int8":
        code = Path(__file__).with_name("mlflow_int8.py")
        mlflow.pyfunc.save_model(folder, python_model=str(code), pip_requirements=["mlflow"])
    else:
        import keras

        model = keras.models.load_model(bundle_folder() / "model.keras", compile=False)
        mlflow.tensorflow.save_model(model, folder, pip_requirements=["mlflow"])


if __name__ == "__main__":
    main(*sys.argv[1:])
