"""What is known of a data set before it is read: labels, input, preprocessing, recipe.

The labels stand here for training only; from there they travel inside the bundle's signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scoring.protocol.errors import ExitCode, UsageError
from scoring.protocol.signature import ColumnNames, InputSpec, PreprocessingRef, ReviewWords

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


class DataError(UsageError):
    """What a command is to learn from is missing, broken or of another kind; it says which."""

    code = "data"


class DownloadFailed(DataError):
    """A data set did not come; who asked for it need not have done anything wrong."""

    exit_code = ExitCode.FAILED


@dataclass(frozen=True)
class Stage:
    """Residual blocks of one width: the first has ``stride``, each ``convolutions`` 3x3 layers."""

    filters: int
    blocks: int
    stride: int
    convolutions: int = 2


@dataclass(frozen=True)
class Architecture:
    """A residual network: a 3x3 stem, stages, global average pooling, a dense layer."""

    stem: int
    stages: tuple[Stage, ...]
    stem_stride: int = 1
    dropout: float = 0.0


@dataclass(frozen=True)
class Pretrained:
    """EfficientNet-Lite0 with its weights of ImageNet, tuned from ``first_block`` (0-15) on."""

    first_block: int = 5
    dropout: float = 0.3


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image; lengths in pixels, shares of 0-1, angles in degrees.

    ``resample_share`` of the images are turned, scaled and softened or sharpened a little, as
    photographs are; ``tone_share`` get another contrast and gamma. What moves into the picture
    is black, or with ``mirror`` the picture's own mirror image. ``noise_share`` of the images get
    grain of up to ``noise`` grey levels (standard deviation).
    """

    shift: int = 3
    flip: bool = True
    erase_share: float = 0.5
    erase_area: float = 0.3
    tone_share: float = 0.25
    resample_share: float = 0.25
    rotation: float = 4.0
    scale: float = 0.08
    mirror: bool = False
    noise_share: float = 0.0
    noise: float = 10.0


@dataclass(frozen=True)
class Crops:
    """Random cut-outs of a photograph kept at ``source_side``, made ``side`` pixels wide and high.

    They have ``smallest_area`` to all of the picture's area, an aspect changed by up to the factor
    exp(``stretch``), turns of ``turn`` degrees (standard deviation), half of them mirrored; colours
    change by shares of 0-1, brightness by grey levels. ``hole_share`` of them have a square of
    ``hole_sides`` (shares of the side) covered.
    """

    side: int = 224
    source_side: int = 256
    smallest_area: float = 0.45
    stretch: float = 0.2
    turn: float = 8.0
    saturation: float = 0.4
    contrast: float = 0.25
    brightness: float = 25.0
    tint: float = 0.07
    hole_share: float = 0.25
    hole_sides: tuple[float, float] = (0.15, 0.35)


@dataclass(frozen=True)
class Recipe:
    """How long and how hard to train; no ``steps`` leave the network what it starts as.

    ``prune`` is InfoBatch's share of easy samples left out.

    With ``adam`` the steps are AdamW's, each gradient clipped to a norm of ``clip``; without, SGD's
    with momentum. ``smoothing`` (0-1) of a label is spread over all classes.
    """

    steps: int = 19_500
    batch: int = 128
    peak_rate: float = 0.1
    weight_decay: float = 4e-3
    warmup_share: float = 0.05
    average_decay: float = 0.999
    prune: float = 0.6
    unpruned_share: float = 0.12
    augmentation: Augmentation | Crops = field(default_factory=Augmentation)
    adam: bool = False
    clip: float | None = None
    smoothing: float = 0.0


@dataclass(frozen=True)
class Teaching:
    """A wider network that is trained first, alone, and that the served one then learns from.

    ``share`` (0-1) of the loss is the cross-entropy with the teacher's answers, both softened by
    ``temperature``; the rest is that with the labels. Source: Hinton et al. 2015, "Distilling the
    Knowledge in a Neural Network", arXiv 1503.02531.
    """

    architecture: Architecture
    steps: int
    share: float = 0.8
    temperature: float = 2.0


@dataclass(frozen=True)
class Goals:
    """What a bundle's thresholds are chosen for; shares of 0-1.

    ``right`` of the rows that are not flagged shall be right: a little more than is promised,
    because it is chosen on a few thousand images (0.992 would flag 3 % more rows of garments).
    Where it is known whose pictures they are, it shall hold for ``sureness`` of the sets of people
    that might have been drawn instead. ``strange`` is how many ordinary images may be called that;
    ``relative``: by their features as shares of the sum.
    """

    right: float = 0.9905
    sureness: float = 0.5
    strange: float = 0.004
    relative: bool = False


@dataclass(frozen=True)
class DatasetDescription:
    """A data set by name. No labels: they are the names of the class folders.

    ``purpose``, ``note`` and ``review`` are the words of a model that is trained on it; they
    travel in its signature. ``others``: its folder holds other classes too, which are left out.
    """

    name: str
    purpose: str
    labels: tuple[str, ...]
    input: InputSpec
    preprocessing: PreprocessingRef
    architecture: Architecture | Pretrained
    recipe: Recipe
    review: ReviewWords
    note: str = ""
    others: bool = False
    goals: Goals = field(default_factory=Goals)
    teaching: Teaching | None = None
    address: str = ""
    md5: Mapping[str, str] = field(default_factory=dict)


# The names in the CSV files that Kaggle keeps of the two data sets.
FROM_ONE, FROM_ZERO = ColumnNames("pixel", 1), ColumnNames("pixel", 0)

FASHION = DatasetDescription(
    name="fashion",
    purpose="names the garment in 28×28 grey pictures and says how sure it is",
    note="one garment on one plain background, light or dark; it has never seen white garments",
    review=ReviewWords("low confidence", "not a garment?"),
    labels=(
        "T-shirt/Top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    input=InputSpec((28, 28, 1), "uint8", FROM_ONE),
    preprocessing=PreprocessingRef("garment", 2),
    architecture=Architecture(16, (Stage(16, 1, 1, 1), Stage(64, 2, 2), Stage(112, 2, 2))),
    recipe=Recipe(steps=30_000, augmentation=Augmentation(noise_share=0.15)),
    teaching=Teaching(
        Architecture(32, (Stage(32, 1, 1, 1), Stage(64, 2, 2), Stage(128, 2, 2))), steps=19_500
    ),
    address="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    md5={
        TRAIN_IMAGES: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        TRAIN_LABELS: "25c81989df183df01b3e8a0aad5dffbe",
        TEST_IMAGES: "bef4ecab320f06d8554ea6380940ec79",
        TEST_LABELS: "bb300cfdad3c16e7a12a480ee83cd310",
    },
)

DIGITS = DatasetDescription(
    name="digits",
    purpose="reads the handwritten digit in 28×28 grey pictures and says how sure it is",
    review=ReviewWords("low confidence", "not a digit?"),
    labels=tuple("0123456789"),
    input=InputSpec((28, 28, 1), "uint8", FROM_ZERO),
    preprocessing=PreprocessingRef("digit", 1),
    architecture=Architecture(16, (Stage(32, 2, 2), Stage(64, 2, 2))),
    recipe=Recipe(
        steps=4_200,
        augmentation=Augmentation(
            shift=2, flip=False, erase_share=0.3, erase_area=0.1, rotation=12.0, scale=0.12,
            resample_share=0.6,
        ),
    ),
)  # fmt: skip

# New people's clothes are stranger than those at hand: 3 % of these are some 4 % of theirs.
PHOTOGRAPH_GOALS = Goals(right=0.98, sureness=0.7, strange=0.03, relative=True)
# How a pretrained network is tuned on a few thousand photographs; about eight times each.
TUNING = Recipe(
    steps=730, batch=32, peak_rate=3e-4, weight_decay=0.02, warmup_share=1 / 16,
    average_decay=0.99, prune=0.0, augmentation=Crops(), adam=True, clip=5.0, smoothing=0.05,
)  # fmt: skip

CLOTHING = DatasetDescription(
    name="clothing",
    purpose="names the garment in colour photographs and says how sure it is",
    note="one garment a picture, laid out, hung up or worn",
    review=ReviewWords("low confidence", "not clothing?"),
    labels=(
        "dress",
        "hat",
        "longsleeve",
        "outwear",
        "pants",
        "shirt",
        "shoes",
        "shorts",
        "skirt",
        "t-shirt",
    ),
    input=InputSpec((224, 224, 3), "uint8", FROM_ZERO),
    preprocessing=PreprocessingRef("photo", 2),
    architecture=Pretrained(),
    recipe=TUNING,
    others=True,
    goals=PHOTOGRAPH_GOALS,
)

# ImageNet has a hundred breeds of them: the network knows them, only the head is fitted.
CATS_DOGS = DatasetDescription(
    name="cats_dogs",
    purpose="tells cats from dogs in colour photographs and says how sure it is",
    note="one animal a picture, or several of one kind",
    review=ReviewWords("low confidence", "neither a cat nor a dog?"),
    labels=(),
    input=InputSpec((224, 224, 3), "uint8", FROM_ZERO),
    preprocessing=PreprocessingRef("photo", 2),
    architecture=Pretrained(),
    recipe=replace(TUNING, steps=0),
    goals=replace(PHOTOGRAPH_GOALS, right=0.99),
)

KNOWN = {known.name: known for known in (FASHION, DIGITS, CLOTHING, CATS_DOGS)}
