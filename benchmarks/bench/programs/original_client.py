"""The first version's client, written anew from its description.

    python -m benchmarks.bench.programs.original_client FOLDER URL OUT.csv

A loop over the files, each image appended to an array, a DataFrame of it, ``to_json`` as it is
by default, one request, a CSV. The array is one of NumPy's and made anew by each ``append``.
"""

from __future__ import annotations

import os
import sys

import cv2
import numpy as np
import pandas as pd
import requests


def main(folder: str, url: str, out: str) -> None:
    """Score a folder and write path, label, confidence."""
    names = sorted(os.listdir(folder))
    images = np.empty((0, 784))
    for name in names:
        image = cv2.imread(os.path.join(folder, name), cv2.IMREAD_GRAYSCALE)
        images = np.append(images, [np.asarray(image).flatten()], axis=0)
    frame = pd.DataFrame(images)
    answer = requests.post(url + "/predict", json=frame.to_json())
    answer.raise_for_status()
    results = pd.DataFrame(answer.json(), columns=["Image number", "Item", "Accuracy"])
    results.insert(0, "Image", names)
    results[["Image", "Item", "Accuracy"]].to_csv(out, index=False, header=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
