"""Make ONNX models of a bundle's Keras model: fp32, and int8 by ONNX Runtime's own quantisation.

python -m benchmarks.peers.onnx_models MODEL.keras FOLDER_OF_PNGS OUT_FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

CALIBRATION = 512
BATCH = 64


class Images(CalibrationDataReader):
    """Some of the folder's images, a batch at a time."""

    def __init__(self, folder: str) -> None:
        paths = sorted(entry.path for entry in os.scandir(folder))[:CALIBRATION]
        read = [np.asarray(cv2.imread(path, cv2.IMREAD_GRAYSCALE), np.float32) for path in paths]
        whole = np.stack(read)[..., None]
        self._batches = iter([whole[n : n + BATCH] for n in range(0, len(whole), BATCH)])

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": batch}


def main(model_file: str, images: str, out: str) -> None:
    """Write fp32.onnx and int8.onnx."""
    folder = Path(out)
    model = keras.models.load_model(model_file, compile=False)
    spec = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="pixels")
    call = tf.function(lambda pixels: model(pixels, training=False), input_signature=[spec])
    whole = str(folder / "fp32.onnx")
    tf2onnx.convert.from_function(call, input_signature=[spec], opset=17, output_path=whole)
    ready = str(folder / "prepared.onnx")
    quant_pre_process(whole, ready, skip_symbolic_shape=True)
    quantize_static(ready, str(folder / "int8.onnx"), Images(images), per_channel=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
