"""The settings' reference says what the settings are."""

from __future__ import annotations

from chatai.core.settings import Settings
from scripts.settings_reference import TARGET, groups, reference


def test_the_reference_is_up_to_date() -> None:
    assert TARGET.read_text() == reference(), "run `make docs`"


def test_every_setting_stands_under_a_heading_and_is_described() -> None:
    listed = [name for names in groups().values() for name in names]
    assert sorted(listed) == sorted(Settings.model_fields)
    assert "" not in groups()
    assert all(field.description for field in Settings.model_fields.values())
