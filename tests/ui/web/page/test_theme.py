"""What the page looks like."""

from __future__ import annotations

from tests.fakes import make_bundle
from ui.web.page.theme import build_css, build_head


def test_looks_name_no_other_host() -> None:
    text = build_css() + build_head(make_bundle())
    assert "http" not in text
    assert "@import" not in text
