"""A module's tests lie where its name says: ``server/door.py``, ``tests/server/test_door.py``.

Those that are tested elsewhere are named here with the reason, and only as long as it is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scoring.settings import CODE_ROOT

PACKAGES = ("scoring", "client", "server", "desk", "scheduler", "fashion_model", "cluster")

# Parts that have no sense alone: where the whole is tested → modules.
WITHIN: dict[str, tuple[str, ...]] = {
    "tests/fashion_model/test_kept_features.py": ("fashion_model/keep_features.py",),
    "tests/fashion_model/proof/test_month.py": ("fashion_model/proof/lived_nights.py",),
    "tests/fashion_model/retraining/test_deep.py": ("fashion_model/retraining/data_set.py",),
    "tests/fashion_model/retraining/test_switching.py": ("fashion_model/retraining/serving.py",),
    "tests/fashion_model/test_gate.py": (
        "fashion_model/retraining/costs.py",
        "scoring/settings_retrain.py",
    ),
    "tests/server/test_promoted_models.py": ("scoring/protocol/promoted.py",),
    "tests/fashion_model/test_prove.py": (
        "fashion_model/proof/accuracy.py",
        "fashion_model/proof/nights.py",
    ),
    "tests/scoring/monitoring/test_trust.py": ("scoring/monitoring/trust_views.py",),
    "tests/scoring/monitoring/test_watch.py": ("scoring/monitoring/watched_model.py",),
    "tests/scoring/monitoring/test_drift.py": (
        "scoring/monitoring/label_mix.py",
        "scoring/monitoring/night.py",
    ),
    "tests/client/test_api.py": (
        "client/results.py",
        "client/scoring_stream.py",
    ),
    "tests/client/test_selection.py": ("client/run_request.py",),
    "tests/client/test_server_pool.py": ("client/pool_member.py",),
    "tests/client/test_request.py": (
        "client/command.py",
        "scoring/batches/known_predictions.py",
        "scoring/batches/run_reading.py",
        "scoring/records/metrics_log.py",
    ),
    "tests/cluster/test_main.py": ("cluster/__main__.py",),
    "tests/cluster/test_scoring_run.py": ("cluster/scorer.py",),
    "tests/desk/pages/test_today.py": (
        "desk/context.py",
        "desk/pages/rendering.py",
        "desk/waits.py",
    ),
    "tests/desk/pages/test_runs.py": ("desk/reports.py",),
    "tests/desk/test_access.py": ("desk/app.py", "desk/headers.py"),
    "tests/desk/pages/test_review.py": (
        "desk/pages/review_state.py",
        "desk/pages/sent.py",
        "desk/reviewing.py",
    ),
    "tests/desk/test_forget.py": ("scoring/records/picture_copies.py",),
    "tests/desk/test_serving.py": ("desk/__main__.py", "desk/command.py"),
    "tests/end_to_end/test_scheduler_cycles.py": (
        "scheduler/__main__.py",
        "scheduler/command.py",
        "scheduler/once.py",
    ),
    "tests/fashion_model/dataset/test_readers.py": ("fashion_model/dataset/split.py",),
    "tests/fashion_model/drawn/test_draw.py": (
        "fashion_model/drawn/bags.py",
        "fashion_model/drawn/cloth.py",
        "fashion_model/drawn/sheet.py",
        "fashion_model/drawn/shoes.py",
        "fashion_model/drawn/tops.py",
        "fashion_model/drawn/trousers.py",
    ),
    "tests/desk/test_exporting.py": ("desk/importing.py",),
    "tests/fashion_model/drawn/test_photograph.py": (
        "fashion_model/drawn/clutter.py",
        "fashion_model/drawn/floors.py",
    ),
    "tests/fashion_model/test_commands.py": (
        "fashion_model/evaluate.py",
        "fashion_model/flags.py",
        "fashion_model/pictures.py",
        "fashion_model/strangers.py",
    ),
    "tests/fashion_model/teaching/test_cross_validation.py": (
        "fashion_model/teaching/strangeness.py",
    ),
    "tests/fashion_model/teaching/test_sealing.py": (
        "fashion_model/teaching/card.py",
        "fashion_model/teaching/diagrams.py",
        "fashion_model/teaching/report.py",
        "fashion_model/teaching/telling.py",
    ),
    "tests/fashion_model/test_teach.py": (
        "fashion_model/teaching/backbones.py",
        "fashion_model/teaching/preparing.py",
    ),
    "tests/fashion_model/test_training.py": (
        "fashion_model/bundle_writer.py",
        "fashion_model/checkpoint.py",
        "fashion_model/job.py",
        "fashion_model/network.py",
        "fashion_model/network_outputs.py",
        "fashion_model/optimising.py",
        "fashion_model/teacher.py",
        "fashion_model/train.py",
        "fashion_model/trainer.py",
    ),
    "tests/faults/test_server.py": ("server/__main__.py", "server/command.py"),
    "tests/scheduler/test_check.py": (
        "scheduler/check_files.py",
        "scheduler/check_serving.py",
        "scheduler/check_times.py",
        "scheduler/ledger_look.py",
        "scheduler/rehearsal.py",
    ),
    "tests/scheduler/test_status.py": ("scoring/records/at_work.py",),
    "tests/scheduler/test_standing.py": ("scheduler/settings_watch.py",),
    "tests/scoring/batches/test_folder_listing.py": (
        "scoring/batches/left_out.py",
        "scoring/batches/patience.py",
    ),
    "tests/scoring/batches/test_image_folder.py": ("scoring/batches/batch_folders.py",),
    "tests/scoring/batches/test_read_ahead.py": (
        "scoring/batches/image_reader.py",
        "scoring/batches/reading_crew.py",
    ),
    "tests/scoring/batches/test_suspects.py": (
        "scoring/batches/in_flight.py",
        "scoring/batches/read_alone.py",
    ),
    "tests/scoring/inference/test_predictor.py": ("scoring/inference/predictions.py",),
    "tests/scoring/preprocessing/formats/test_jpeg.py": (
        "scoring/preprocessing/formats/exif.py",
        "scoring/preprocessing/jpeg_pixels.py",
    ),
    "tests/scoring/preprocessing/formats/test_tiff.py": (
        "scoring/preprocessing/formats/tiff_directory.py",
        "scoring/preprocessing/tiff_pixels.py",
    ),
    "tests/scoring/preprocessing/test_avif_heif.py": (
        "scoring/preprocessing/formats/by_pillow.py",
        "scoring/preprocessing/formats/iso_media.py",
        "scoring/preprocessing/pillow_pixels.py",
    ),
    "tests/scoring/preprocessing/test_decode.py": ("scoring/preprocessing/imdecode.py",),
    "tests/scoring/preprocessing/test_garment_on_dark.py": ("scoring/preprocessing/garment.py",),
    "tests/scoring/preprocessing/test_product_photo.py": (
        "scoring/preprocessing/background.py",
        "scoring/preprocessing/resizing.py",
    ),
    "tests/scoring/monitoring/alerts/test_writing.py": ("scoring/monitoring/alerts/hearing.py",),
    "tests/scoring/monitoring/alerts/test_program.py": (
        "scoring/monitoring/alerts/__main__.py",
        "scoring/monitoring/alerts/listing.py",
    ),
    "tests/scoring/monitoring/test_page.py": (
        "scoring/monitoring/plain_text.py",
        "scoring/monitoring/views.py",
        "scoring/monitoring/words.py",
    ),
    "tests/scoring/monitoring/test_report.py": (
        "scoring/monitoring/collecting.py",
        "scoring/monitoring/history.py",
    ),
    "tests/scoring/monitoring/test_verdict.py": ("scoring/monitoring/differences.py",),
    "tests/scoring/records/test_ledger.py": (
        "scoring/records/ledger_reader.py",
        "scoring/records/pruning.py",
        "scoring/records/row_columns.py",
        "scoring/records/results_shown.py",
    ),
    "tests/scoring/records/test_ledger_file.py": (
        "scoring/records/database.py",
        "scoring/records/ledger_look.py",
        "scoring/records/recovery.py",
    ),
    "tests/client/test_kept_pictures.py": ("scoring/records/picture_pruning.py",),
    "tests/scoring/monitoring/test_exposition.py": ("scoring/monitoring/run_numbers.py",),
    "tests/scoring/records/test_picture_store.py": (
        "scoring/records/kept_picture.py",
        "scoring/records/picture_file.py",
        "scoring/records/picture_rows.py",
    ),
    "tests/scoring/records/test_corrections.py": (
        "scoring/records/kept_cells.py",
        "scoring/records/settled_file.py",
        "scoring/records/shown_file.py",
        "scoring/records/typed_cells.py",
        "scoring/records/typed_changes.py",
    ),
    "tests/scoring/records/test_publish.py": (
        "scoring/records/result_rows.py",
        "scoring/records/results_file.py",
    ),
    "tests/scoring/records/test_run_life.py": ("scoring/records/run_settings.py",),
    "tests/scoring/records/test_run_statistics.py": ("scoring/records/batch_figures.py",),
    "tests/scoring/records/test_submissions.py": ("scoring/records/upload_names.py",),
    "tests/scoring/records/test_upgrades.py": ("scoring/records/schema.py",),
    "tests/scoring/test_settings.py": (
        "scoring/settings_alerts.py",
        "scoring/settings_environment.py",
        "scoring/settings_sources.py",
        "scoring/settings_tables.py",
    ),
    "tests/server/dialects/test_open_inference.py": (
        "server/dialects/infer_request.py",
        "server/dialects/tensors.py",
    ),
    "tests/server/dialects/test_pictures.py": (
        "scoring/preprocessing/reading.py",
        "server/dialects/multipart.py",
        "server/image_folder.py",
    ),
    "tests/server/dialects/test_pixel_forms.py": ("server/dialects/json_body.py",),
    "tests/server/dialects/test_seam.py": ("server/dialects/dialect.py",),
    "tests/server/dialects/test_tensor_forms.py": ("server/dialects/frame_forms.py",),
    "tests/server/pages/test_upload.py": (
        "server/pages/serving.py",
        "server/pages/upload_page.py",
    ),
    "tests/server/test_api.py": (
        "server/access_log.py",
        "server/app.py",
        "server/endpoints.py",
        "server/error_handlers.py",
        "server/request_body.py",
        "server/responses.py",
    ),
    "tests/server/test_door.py": ("server/http_request.py",),
    "tests/server/test_feedback.py": ("server/feedback_route.py",),
    "tests/server/test_gunicorn.py": ("server/console.py", "server/wsgi.py"),
    "tests/server/test_handler.py": ("server/drain.py",),
    "tests/server/test_proxies.py": ("scoring/processes/proxies.py",),
    "tests/server/test_paths.py": ("server/manners.py",),
    "tests/server/test_openapi.py": (
        "server/dialects/form_schemas.py",
        "server/dialects/mlflow_schema.py",
        "server/dialects/open_inference_schema.py",
        "server/dialects/openapi_parts.py",
        "server/dialects/own_schema.py",
        "server/dialects/tf_serving_schema.py",
    ),
    "tests/simulation/test_ten_days_of_processes.py": ("scheduler/clock.py",),
}

# Modules that no file tests as its own → why.
ONLY_VALUES = "values without behaviour"
NOT_ALONE: dict[str, str] = {
    "client/run_context.py": ONLY_VALUES,
    "fashion_model/dataset/description.py": ONLY_VALUES,
    "fashion_model/layer_names.py": ONLY_VALUES,
    "scheduler/finding.py": ONLY_VALUES,
    "scoring/monitoring/facts.py": ONLY_VALUES,
    "scoring/preprocessing/errors.py": ONLY_VALUES,
    "scoring/preprocessing/formats/header.py": ONLY_VALUES,
    "scoring/preprocessing/pixels.py": ONLY_VALUES,
    "scoring/records/reviews.py": ONLY_VALUES,
    "scoring/records/rows.py": ONLY_VALUES,
    "server/prediction_request.py": ONLY_VALUES,
}


def modules() -> Iterator[str]:
    for package in PACKAGES:
        for path in (CODE_ROOT / package).rglob("*.py"):
            if path.name != "__init__.py":
                yield path.relative_to(CODE_ROOT).as_posix()


def mirrored(module: str) -> Path:
    path = Path(module)
    return CODE_ROOT / "tests" / path.parent / f"test_{path.name}"


def excused() -> list[str]:
    return [*NOT_ALONE, *(module for within in WITHIN.values() for module in within)]


def test_every_module_has_its_tests_where_its_name_says() -> None:
    missing = [module for module in modules() if not mirrored(module).exists()]
    without_reason = sorted(set(missing) - set(excused()))
    assert not without_reason, f"no tests/…/test_<module>.py, no reason here: {without_reason}"


def test_no_reason_is_out_of_date() -> None:
    assert sorted(set(excused())) == sorted(excused()), "a module has one reason"
    gone = [module for module in excused() if not (CODE_ROOT / module).exists()]
    assert not gone, f"these modules are gone: {gone}"
    tested = [module for module in excused() if mirrored(module).exists()]
    assert not tested, f"these modules have tests of their own now: {tested}"


@pytest.mark.parametrize("place", WITHIN)
def test_the_tests_of_the_whole_are_there(place: str) -> None:
    assert (CODE_ROOT / place).is_file()
