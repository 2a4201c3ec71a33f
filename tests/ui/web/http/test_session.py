"""Whom the server knows, and for how long."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from inference.settings import Settings
from ui.web.http import session
from ui.web.http.session import Credentials


@pytest.mark.parametrize("change", ["{end}.{other}", "9999999999.{seal}", "{end}.", "x.{seal}", ".", "²9.{seal}"])
def test_a_made_up_cookie_is_none(change: str) -> None:
    credentials, answer = Credentials(Settings(auth=("a", "b"))), Response()
    credentials.set_cookie(answer, is_https=False)
    name, value = answer.headers["set-cookie"].split(";")[0].split("=")
    assert credentials.match_cookie(f"{name}={value}")
    end, seal = value.split(".")
    made_up = change.format(end=end, seal=seal, other="0" * 64)
    assert not credentials.match_cookie(f"{name}={made_up}")
    assert not Credentials(Settings(auth=("a", "b"))).match_cookie(f"{name}={value}"), "a restart ends every session"


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials, answer = Credentials(Settings(auth=("a", "b"))), Response()
    monkeypatch.setattr(session, "SESSION_S", -1)
    credentials.set_cookie(answer, is_https=True)
    assert not credentials.match_cookie(answer.headers["set-cookie"].split(";")[0])


def test_in_a_foreign_frame_the_cookie_is_kept() -> None:
    answer = Response()
    Credentials(Settings(auth=("a", "b"), frame_ancestors=("https://x.org",))).set_cookie(answer, is_https=True)
    assert "SameSite=none; Secure" in answer.headers["set-cookie"]
