"""A request of the Open Inference Protocol: one tensor of pixels, and which outputs are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.errors import BadRequest, InvalidPixels
from scoring.protocol.frame_codec import too_many_rows
from scoring.protocol.metadata import OUTPUTS
from scoring.protocol.signature import InputSpec, Signature
from server.dialects.json_body import may_hold_booleans, parse_json
from server.dialects.tensors import NUMBERS, pixels_of_bytes, pixels_of_json, row_count
from server.prediction_request import PredictionRequest, RequestLimits

OUTPUT_NAMES = tuple(output.name for output in OUTPUTS)
# Of these an image's likeliest classes can be asked for; outlier_score and review have none.
RANKED = frozenset({"label", "confidence", "probabilities"})


class WantedOutput(Struct, frozen=True):
    """One output as the caller wants it; ``classes`` likeliest ones, or 0 for the tensor itself."""

    name: str
    binary: bool = False
    classes: int = 0


class InferRequest(PredictionRequest, frozen=True, kw_only=True):
    """The rows of an infer request, its id, and what is wanted of them."""

    id: str | None
    outputs: tuple[WantedOutput, ...]


def decode_infer(
    text: bytes, binary: bytes, signature: Signature, limits: RequestLimits
) -> InferRequest:
    """Read a request from its JSON and the bytes that follow it.

    Raises BadRequest, TooLarge or InvalidPixels.
    """
    document = parse_json(text, limits)
    if not isinstance(document, dict):
        _refuse("an infer request is a JSON object with inputs")
    id_ = document.get("id")
    if id_ is not None and not isinstance(id_, str):
        _refuse("id is a string")
    tensor = _only_input(document.get("inputs"))
    rows = row_count(tensor.get("shape"), signature.input)
    if rows > limits.rows:
        raise too_many_rows(rows, limits.rows)
    outputs = tuple(_wanted_outputs(document))
    if _parameter(tensor, "binary_data_size", None) is None:
        if binary:
            _refuse(f"{len(binary)} bytes follow the JSON; no input says binary_data_size")
        booleans = may_hold_booleans(text)
        pixels = pixels_of_json(tensor.get("data"), tensor["shape"], signature.input, booleans)
    else:
        pixels = _pixels_behind(tensor, binary, rows, signature.input)
    return InferRequest(range(rows), pixels, id=id_, outputs=outputs)


def _pixels_behind(
    tensor: dict[str, Any], binary: bytes, rows: int, spec: InputSpec
) -> NDArray[np.uint8]:
    size = _parameter(tensor, "binary_data_size", None)
    if type(size) is not int or size != len(binary):
        _refuse(
            f"binary_data_size says something else than the {len(binary)} bytes behind the JSON"
        )
    if "data" in tensor:
        _refuse("a tensor has data or binary_data_size, not both")
    return pixels_of_bytes(binary, tensor["datatype"], rows, spec)


def _only_input(inputs: Any) -> dict[str, Any]:
    """Return the one input, whatever its caller names it."""
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        _refuse("inputs is a list with one tensor, the pixels of the images")
    tensor: dict[str, Any] = inputs[0]
    _refuse_shared_memory(tensor)
    if not isinstance(tensor.get("name"), str):
        _refuse("an input has a name")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in NUMBERS:
        raise InvalidPixels(f"datatype is one of {', '.join(NUMBERS)}; UINT8 is what pixels are")
    return tensor


def _wanted_outputs(document: dict[str, Any]) -> Iterator[WantedOutput]:
    """Yield what is asked for, by default every output."""
    binary = _flag(document, "binary_data_output", False)
    wanted = document.get("outputs")
    if wanted is None or wanted == []:
        yield from (WantedOutput(name, binary) for name in OUTPUT_NAMES)
        return
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        _refuse("outputs is a list of objects with a name")
    for one in wanted:
        _refuse_shared_memory(one)
    names = [one.get("name") for one in wanted]
    if any(not isinstance(name, str) or name not in OUTPUT_NAMES for name in names):
        _refuse(f"the outputs of this model are {', '.join(OUTPUT_NAMES)}")
    if len(set(names)) != len(names):
        _refuse("an output is asked for once")
    for one in wanted:
        yield WantedOutput(one["name"], _flag(one, "binary_data", binary), _classes(one))


def _classes(output: dict[str, Any]) -> int:
    count = _parameter(output, "classification", 0)
    if type(count) is not int or count < 0:
        _refuse("classification is how many of the likeliest classes are wanted")
    if count and output["name"] not in RANKED:
        _refuse(f"{output['name']} has no classes; ask for those of {', '.join(sorted(RANKED))}")
    return count


def _flag(owner: dict[str, Any], name: str, default: bool) -> bool:
    value = _parameter(owner, name, default)
    if not isinstance(value, bool):
        _refuse(f"{name} is true or false")
    return value


def _refuse_shared_memory(tensor: dict[str, Any]) -> None:
    if _parameter(tensor, "shared_memory_region", None) is not None:
        _refuse("there is no shared memory here; tensors are sent and answered with the request")


def _parameter(owner: dict[str, Any], name: str, default: Any) -> Any:
    parameters = owner.get("parameters")
    if parameters is None:
        return default
    if not isinstance(parameters, dict):
        _refuse("parameters is an object")
    return parameters.get(name, default)


def _refuse(message: str) -> NoReturn:
    raise BadRequest(message)
