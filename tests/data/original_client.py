"""The first version's client, written anew from its description: it must work unchanged.

``python original_client.py FOLDER URL`` writes Results.csv where it is started.
"""

import os
import sys

import cv2
import pandas as pd
import requests

folder, url = sys.argv[1:]

rows = []
for name in sorted(os.listdir(folder)):
    image = cv2.imread(os.path.join(folder, name), cv2.IMREAD_GRAYSCALE)
    rows.append(cv2.resize(image, (28, 28)).flatten())  # type: ignore[arg-type]  # as it was
frame = pd.DataFrame(rows)

answer = requests.post(url + "/predict", json=frame.to_json())

results = pd.DataFrame(answer.json(), columns=["Image number", "Item", "Accuracy"])
results.to_csv("Results.csv", index=False)
