"""What ``make desktop-package`` built in ``dist/``, run where there is no Python; ``make test-package``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from inference.__main__ import main as print_rows
from inference.model.bundle import DEFAULT_MODEL
from tests.clinical import box_volume, encode_nifti
from tests.ui.desktop.program import run_program

pytestmark = pytest.mark.package

ROOT = Path(__file__).parents[3]
DIST = Path(os.environ.get("GYRUS_DIST", ROOT / "dist"))
EXAMPLES = sorted(path for path in (DEFAULT_MODEL / "examples").iterdir() if path.suffix in (".png", ".jpg"))

MAX_FOLDER_BYTES = 250_000_000
MAX_ARCHIVE_BYTES = 90_000_000

NOBODY = 65534
"""A user who may write nowhere in the package."""

OF_THE_SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libxcb.so.1"}
"""Libraries that the package leaves to the system; the Debian package depends on them."""


@pytest.fixture(scope="module")
def package() -> Path:
    if not (DIST / "gyrus" / "gyrus").is_file():
        pytest.skip(f"there is no package in {DIST}: make desktop-package")
    return DIST / "gyrus"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty PATH and a fresh home."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    return {"PATH": "", "HOME": str(home)}


def run(package: Path, environ: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(package / "gyrus"), *map(str, arguments)],
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd="/",
    )


def listing(folder: Path) -> dict[str, float]:
    return {str(path): path.lstat().st_mtime for path in folder.rglob("*")}


def test_size_and_what_is_not_in_it(package: Path) -> None:
    files = [path for path in package.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) <= MAX_FOLDER_BYTES
    names = {path.name.lower() for path in package.rglob("*")}
    for heavy in ("gradio", "tensorflow", "keras", "matplotlib", "sklearn", "scipy", "torch"):
        assert not [name for name in names if name.startswith(heavy)], heavy
    assert [path for path in package.rglob("*") if path.is_symlink() and not path.exists()] == []


def test_archives_are_small_enough(package: Path) -> None:
    archives = [*DIST.glob("gyrus-*.tar.xz"), *DIST.glob("gyrus_*.deb")]
    assert archives, "make desktop-package makes an archive"
    assert {path.name: path.stat().st_size for path in archives if path.stat().st_size > MAX_ARCHIVE_BYTES} == {}


@pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump (on Debian: apt-get install binutils)")
def test_every_library_is_in_it_or_of_the_system(package: Path) -> None:
    present = {path.name for path in package.rglob("*")} | OF_THE_SYSTEM
    missing = {}
    for path in package.rglob("*"):
        if path.is_file() and (".so" in path.name or path.name == "gyrus"):
            listed = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=False).stdout
            needed = {line.split()[1] for line in listed.splitlines() if line.strip().startswith("NEEDED")}
            if lacks := {name for name in needed - present if not name.startswith("ld-linux")}:
                missing[path.name] = lacks
    assert missing == {}


def test_version_and_words_without_python(package: Path, bare: dict[str, str]) -> None:
    assert run(package, bare, "--version").stdout.startswith("gyrus ")
    done = run(package, bare, "--classify", EXAMPLES[-1])
    assert (done.returncode, "not a medical device" in done.stdout) == (0, True)


def test_json_equals_the_source(package: Path, bare: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    pictures = list(EXAMPLES)
    if data := os.environ.get("GYRUS_DATA"):
        pictures += sorted(Path(data).glob("cheng/*/*.jpg"))[::250] + sorted(Path(data).glob("br35h/*/*.jpg"))[::400]
    assert len(pictures) >= 3
    for picture in pictures:
        print_rows([str(picture)])
        expected = json.loads(capsys.readouterr().out)
        received = json.loads(run(package, bare, "--classify", picture, "--json").stdout)
        assert received == expected


@pytest.mark.parametrize(
    "name", ["JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm"]
)
def test_compressed_dicom_is_read(
    package: Path, bare: dict[str, str], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    from pydicom.data import get_testdata_file

    model = DEFAULT_MODEL.with_name("imagenet_lite0")  # asks for no modality
    picture = get_testdata_file(name, download=False)
    print_rows([str(picture), "--model", str(model)])
    expected = json.loads(capsys.readouterr().out)
    received = json.loads(
        run(
            package, bare, "--classify", picture, "--json", "--model", package / "_internal/models/imagenet_lite0"
        ).stdout
    )
    assert received["error"] is None
    assert received == expected


def test_a_volume_is_read(package: Path, bare: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "head.nii"
    path.write_bytes(encode_nifti(box_volume()))
    rows = [json.loads(line) for line in run(package, bare, "--classify", path, "--json").stdout.splitlines()]
    assert [row["slice"] for row in rows] == [1, 2, 3, 4, 5, 6, None]
    assert [row["error"] for row in rows] == [None] * 7


def test_an_error_is_a_sentence(package: Path, bare: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no picture", encoding="utf-8")
    done = run(package, bare, "--classify", tmp_path / "bad.png", "--json")
    assert (done.returncode, "text file" in json.loads(done.stdout)["error"]) == (1, True)
    assert done.stderr == ""


def test_the_window_answers_and_writes_nothing(
    package: Path, bare: dict[str, str], display: str, tmp_path: Path
) -> None:
    picture = tmp_path / "Größe.png"
    shutil.copy(EXAMPLES[-1], picture)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    before = listing(package)
    user = NOBODY if os.getuid() == 0 else None
    with run_program([str(package / "gyrus"), str(picture)], display, bare, cwd=Path("/"), user=user) as program:
        program.wait_for_title("Größe.png")
        program.key("Return")
        assert "No tumour, 98 %" in program.wait_for_title("%")
        program.key("ctrl+q")
        out, _ = program.process.communicate(timeout=30)
    assert (program.process.returncode, out) == (0, "")
    assert listing(package) == before


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("dpkg") is None, reason="only root can install a Debian package")
def test_the_debian_package_installs_and_goes(package: Path, bare: dict[str, str]) -> None:
    debs = sorted(DIST.glob("gyrus_*.deb"))
    if not debs:
        pytest.skip(f"there is no Debian package in {DIST}")
    assert subprocess.run(["dpkg", "-s", "gyrus"], capture_output=True, check=False).returncode != 0, "is installed"
    placed = [Path("/usr/bin/gyrus"), Path("/usr/lib/gyrus"), Path("/usr/share/applications/gyrus.desktop")]
    placed += [Path("/usr/share/icons/hicolor/scalable/apps/gyrus.svg"), Path("/usr/share/mime/packages/gyrus.xml")]
    try:
        subprocess.run(["dpkg", "-i", debs[-1]], check=True, capture_output=True)
        assert [path for path in placed if not path.exists()] == []
        done = subprocess.run(
            ["/usr/bin/gyrus", "--classify", EXAMPLES[-1], "--json"],
            env=bare,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["label"] == "No Tumor"
        if shutil.which("desktop-file-validate"):
            subprocess.run(["desktop-file-validate", placed[2]], check=True)
        associations = Path("/usr/share/mime/globs")
        if associations.is_file() and shutil.which("update-mime-database"):
            assert "application/x-nifti:*.nii.gz" in associations.read_text(encoding="utf-8")
    finally:
        subprocess.run(["dpkg", "-r", "gyrus"], check=False, capture_output=True)
    assert [path for path in placed if path.exists()] == []
