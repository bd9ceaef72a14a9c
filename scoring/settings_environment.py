"""Settings in environment variables, as pydantic-settings has them: names, nesting and JSON."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel
from pydantic_settings import BaseSettings
from pydantic_settings.exceptions import SettingsError as SourceError
from pydantic_settings.sources import EnvSettingsSource

from scoring.protocol.errors import SettingsError


def read_environment(settings_cls: type[BaseModel], prefix: str) -> dict[str, Any]:
    """Return the tables that the variables with the prefix make; raises SettingsError."""
    # It asks the class for no more than its fields and its configuration.
    fields = cast(type[BaseSettings], settings_cls)
    try:
        return EnvSettingsSource(fields, env_prefix=prefix, env_nested_delimiter="__")()
    except SourceError as error:
        raise SettingsError(
            f'an environment setting is not valid: {error}; lists are JSON, like ["G1"]'
        ) from None
