"""Turn a trained network into a bundle.

The served file is the integer backbone up to the pooled features; the dense layer stays float,
beside it, so that confidences keep their fine grain and the features can tell strangers.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import to_builtins

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import ai_edge_litert
import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fashion_model.bundle_files import write_head
from fashion_model.calibrate import calibrate_bundle, fit_outlier_model, write_signature
from fashion_model.dataset.description import DatasetDescription
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.dataset.spread import spread_images
from fashion_model.layer_names import FEATURES, LOGITS
from fashion_model.network_outputs import predict_logits
from scoring.inference.bundle import (
    HEAD_FILE,
    REFERENCE_FILE,
    SERVED_FILE,
    Bundle,
    load_bundle,
)
from scoring.inference.predictor import Predictor
from scoring.protocol.signature import FORMAT, Signature, seal

REPRESENTATIVE_IMAGES = 500
NEVER = 1e30


def export_bundle(
    network: keras.Model, description: DatasetDescription, split: Split, folder: Path
) -> Signature:
    """Quantise ``network``, calibrate it on ``split`` and write the bundle to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    backbone = keras.Model(network.inputs, network.get_layer(FEATURES).output)
    (folder / SERVED_FILE).write_bytes(
        quantise(backbone, spread_images(split.train, REPRESENTATIVE_IMAGES))
    )
    network.save(folder / REFERENCE_FILE)
    kernel, bias = network.get_layer(LOGITS).get_weights()
    width = kernel.shape[1]
    nothing, relative = np.zeros((len(kernel), 1)), description.goals.relative
    write_head(folder, kernel, bias, nothing, np.zeros((width, 1)), relative)
    whitening, means = fit_outlier_model(_provisional(description, folder), split.train)
    write_head(folder, kernel, bias, whitening, means, relative)
    calibrate_bundle(_provisional(description, folder), split, description.goals)
    return note_reference_figures(load_bundle(folder), network, split.measure)


def note_reference_figures(bundle: Bundle, network: keras.Model, data: LabelledImages) -> Signature:
    """Put what the float32 reference does on ``data`` beside the served model's figures."""
    predictor = Predictor(bundle)
    served = predictor.predict(data.rows).class_index
    predictor.close()
    reference = predict_logits(network, data.images).argmax(axis=1)
    figures = {
        **bundle.signature.figures,
        "accuracy_float": float((reference == data.labels).mean()),
        "agreement": float((reference == served).mean()),
    }
    return write_signature(bundle.folder, bundle.signature.renewed(figures=figures))


def quantise(backbone: keras.Model, images: NDArray[np.uint8]) -> bytes:
    """Return ``backbone`` as an int8 LiteRT flatbuffer: uint8 pixels in, float32 features out.

    Plain post-training quantisation, per channel; ``images`` uint8 [N, H, W, C] set the ranges.
    """

    def representative() -> Iterator[list[Any]]:
        for image in images:
            yield [image[None].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(backbone)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32
    # It lists every variable on stdout, and asks for statistics that only its predecessor used.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def _provisional(description: DatasetDescription, folder: Path) -> Bundle:
    """Give the files in ``folder`` a signature that flags nothing, and load them."""
    names = (SERVED_FILE, HEAD_FILE, REFERENCE_FILE)
    document = {
        "format": FORMAT,
        "name": description.name,
        "purpose": description.purpose,
        "note": description.note,
        "labels": list(description.labels),
        "input": to_builtins(description.input),
        "preprocessing": to_builtins(description.preprocessing),
        "temperature": 1.0,
        "thresholds": {"confidence": 0.0, "outlier_score": NEVER},
        "review": to_builtins(description.review),
        "reference": _empty_reference(len(description.labels)),
        "figures": {},
        "libraries": {
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "converter": tf.__version__,
            "ai_edge_litert": ai_edge_litert.__version__,
        },
        "created": datetime.now(UTC).date().isoformat(),
        "files": {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names},
    }
    write_signature(folder, seal(document))
    return load_bundle(folder)


def _empty_reference(classes: int) -> dict[str, Any]:
    names = ("confidence", "brightness", "contrast", "foreground")
    rows: dict[str, Any] = {f"{name}_deciles": [0.0] * 11 for name in names}
    return {
        "count": 1,
        "class_shares": [0.0] * classes,
        **rows,
        "outlier_percentiles": [0.0] * 101,
    }
