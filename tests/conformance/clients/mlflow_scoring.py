"""MLflow's own clients, unmodified: ``ScoringServerClient`` and ``mlflow.deployments``.

They come with mlflow-skinny, which is mlflow's own code without what training needs.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import requests
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from tests.conformance.checking import refused, run_checks
from tests.conformance.images import Images


def connect(images: Images) -> Any:
    address = urlsplit(str(images.url))
    return ScoringServerClient(address.hostname, address.port)


def compare(images: Images, rows: Any) -> None:
    images.check_scores(list(rows["label"]), rows["confidence"].to_numpy())


def check_frame(images: Images) -> None:
    """ScoringServerClient: a DataFrame"""
    columns = [f"pixel{number}" for number in range(1, images.pixels.shape[1] + 1)]
    frame = pd.DataFrame(images.pixels, columns=columns)
    compare(images, connect(images).invoke(frame).get_predictions())


def check_array(images: Images) -> None:
    """ScoringServerClient: an array"""
    compare(images, connect(images).invoke(images.pixels).get_predictions())


def check_health(images: Images) -> None:
    """ScoringServerClient: ping, wait until ready, version"""
    client = connect(images)
    client.ping()
    client.wait_server_ready(timeout=5)
    assert client.get_version()


def check_refusal(images: Images) -> None:
    """ScoringServerClient: wrong pixels, refused in words"""
    refused(lambda: connect(images).invoke(images.pixels[:, 1:]), Exception, "error_code")


def check_deployments(images: Images) -> None:
    """mlflow.deployments: predict at an endpoint"""
    client = get_deploy_client(str(images.url))
    body = {"inputs": images.pixels.tolist()}
    answer = client.predict(endpoint=str(images.model), inputs=body)
    compare(images, pd.DataFrame(answer["predictions"]))


def check_key(images: Images) -> None:
    """mlflow.deployments: with a key, as MLFLOW_TRACKING_TOKEN, and without"""
    client = get_deploy_client(str(images.locked_url))
    body = {"inputs": images.pixels.tolist()}

    def ask() -> Any:
        return client.predict(endpoint=str(images.model), inputs=body)

    refused(ask, requests.HTTPError, "Authorization")
    os.environ["MLFLOW_TRACKING_TOKEN"] = str(images.key)
    try:
        compare(images, pd.DataFrame(ask()["predictions"]))
    finally:
        del os.environ["MLFLOW_TRACKING_TOKEN"]


def check_endpoints(images: Images) -> None:
    """mlflow.deployments: the endpoints there are"""
    client = get_deploy_client(str(images.url))
    assert str(images.model) in [one.name for one in client.list_endpoints()]
    assert client.get_endpoint(str(images.model)).name == str(images.model)
    refused(lambda: client.get_endpoint("nobody"), requests.HTTPError, "fashion")


CHECKS = (
    check_frame,
    check_array,
    check_health,
    check_refusal,
    check_deployments,
    check_endpoints,
    check_key,
)

if __name__ == "__main__":
    sys.exit(run_checks(version("mlflow-skinny"), CHECKS))
