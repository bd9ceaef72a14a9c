"""A script as people wrote them against the first version: it knows nothing of this software.

Its arguments are a folder of pictures and the server's address; it writes Results.csv.
"""

import os
import sys

import cv2
import pandas as pd
import requests

folder, url = sys.argv[1:]
rows = []
for name in sorted(os.listdir(folder)):
    picture = cv2.imread(os.path.join(folder, name), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        continue
    rows.append(cv2.resize(picture, (28, 28)).flatten())
frame = pd.DataFrame(rows)

answer = requests.post(url + "/predict", json=frame.to_json(), timeout=30)
answer.raise_for_status()

results = pd.DataFrame(answer.json(), columns=["Image number", "Item", "Accuracy"])
results.to_csv("Results.csv", index=False)
