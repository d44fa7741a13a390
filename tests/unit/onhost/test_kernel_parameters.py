"""Kernel parameters are added beside the administrator's own, and go again without a trace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from onhost import kernel_parameters
from onhost.finding import FindingError
from onhost.kernel_parameters import ensure, merge, missing, missing_in_menu

PAGES = {"name": "ttm.pages_limit", "value": "25165824"}
IOMMU = {"name": "iommu", "value": "pt"}
FLAG = {"name": "nomodeset", "value": None}
DROP_IN = kernel_parameters.DROP_IN.lstrip("/")

#: As Debian 13's grub-mkconfig begins, and as its 10_linux writes an entry; the paths below $GPUHOST_ROOT.
MKCONFIG = "for x in ${sysconfdir}/default/grub.d/*.cfg ; do . $x; done\n"
UPDATE_GRUB = """#!/bin/sh
set -e
echo run >> "$GPUHOST_ROOT/runs"
[ ! -e "$GPUHOST_ROOT/broken" ] || { echo "error: syntax error near line 3." >&2; exit 1; }
. "$GPUHOST_ROOT/etc/default/grub"
if grep -q default/grub.d "$GPUHOST_ROOT/usr/sbin/grub-mkconfig"; then
  for x in "$GPUHOST_ROOT"/etc/default/grub.d/*.cfg; do [ ! -e "$x" ] || . "$x"; done
fi
cat > "$GPUHOST_ROOT/boot/grub/grub.cfg" <<MENU
### BEGIN /etc/grub.d/10_linux ###
\tlinux\t/boot/vmlinuz-6.12 root=UUID=1 ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT
\tlinux\t/boot/vmlinuz-6.12 root=UUID=1 ro single $GRUB_CMDLINE_LINUX
### END /etc/grub.d/10_linux ###
### BEGIN /etc/grub.d/40_custom ###
\tlinux\t/boot/memtest86+.bin
### END /etc/grub.d/40_custom ###
MENU
"""


@pytest.mark.parametrize(
    ("wanted", "present", "add", "held", "conflicts"),
    [
        ([PAGES, IOMMU], "quiet splash", ["ttm.pages_limit=25165824", "iommu=pt"], [], []),
        ([IOMMU], "", ["iommu=pt"], [], []),
        ([IOMMU], "ro iommu=pt quiet", [], ["iommu=pt"], []),
        ([IOMMU], "iommu=soft", [], [], [("iommu", "iommu=pt", "iommu=soft")]),
        ([IOMMU], "iommu=pt iommu=soft", [], [], [("iommu", "iommu=pt", "iommu=soft")]),
        ([IOMMU], "iommu=soft iommu=pt", [], ["iommu=pt"], []),
        ([IOMMU], "amd_iommu=off intel_iommu=on", ["iommu=pt"], [], []),
        ([IOMMU], "iommu", [], [], [("iommu", "iommu=pt", "iommu")]),
        ([PAGES], "ttm.pages-limit=25165824", [], ["ttm.pages_limit=25165824"], []),
        ([PAGES], "ttm.pages-limit=1", [], [], [("ttm.pages_limit", "ttm.pages_limit=25165824", "ttm.pages_limit=1")]),
        ([FLAG], "quiet", ["nomodeset"], [], []),
        ([FLAG], "nomodeset", [], ["nomodeset"], []),
        ([FLAG], "nomodeset=1", [], [], [("nomodeset", "nomodeset", "nomodeset=1")]),
        ([IOMMU], 'dyndbg="file x iommu=pt +p"', ["iommu=pt"], [], []),
        ([{"name": "amdgpu.gttsize", "value": 4096}], "amdgpu.gttsize=4096", [], ["amdgpu.gttsize=4096"], []),
        ([], "quiet", [], [], []),
    ],
)
def test_what_is_missing_is_added_and_what_is_set_otherwise_stays(
    wanted: list[dict[str, Any]], present: str, add: list[str], held: list[str], conflicts: list[tuple[str, str, str]]
) -> None:
    found = merge(wanted, present)
    told = [(one["name"], one["wanted"], one["found"]) for one in found.conflicts]
    assert (found.add, found.held, told) == (add, held, conflicts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a b", "1"),
        ("", "1"),
        ("iommu", 'pt" && reboot'),
        ("iommu", "$(reboot)"),
        ("iommu", "a b"),
        ("iommu", ""),
        ("x;y", None),
    ],
)
def test_what_a_shell_could_read_as_more_is_no_parameter(name: str, value: str | None) -> None:
    with pytest.raises(ValueError, match="cannot be a kernel parameter"):
        merge([{"name": name, "value": value}], "")


def test_words_are_missing_where_they_lack_or_differ() -> None:
    assert missing(["iommu=pt", "nomodeset", "a=1"], "ro iommu=soft nomodeset") == ["iommu=pt", "a=1"]


def test_only_kernels_that_grub_found_itself_are_looked_at_in_its_menu() -> None:
    assert missing_in_menu(["iommu=pt"], "### BEGIN /etc/grub.d/10_linux ###\n### END /etc/grub.d/10_linux ###") == []
    assert missing_in_menu(["iommu=pt"], "\tlinux /vmlinuz ro iommu=pt\n\tlinux /vmlinuz-old ro\n") == ["iommu=pt"]


@pytest.fixture
def grub(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with GRUB as Debian sets it up."""
    for path, text in {
        "etc/default/grub": 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
        "usr/sbin/grub-mkconfig": MKCONFIG,
        "boot/grub/grub.cfg": "### BEGIN /etc/grub.d/10_linux ###\n\tlinux\t/boot/vmlinuz-6.12 ro quiet\n",
        "proc/cmdline": "BOOT_IMAGE=/boot/vmlinuz-6.12 root=UUID=1 ro quiet\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    program = tmp_path / "bin" / "update-grub"
    program.parent.mkdir()
    program.write_text(UPDATE_GRUB)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return root


def menu(root: Path) -> str:
    return (root / "boot/grub/grub.cfg").read_text()


def runs(root: Path) -> int:
    return len((root / "runs").read_text().splitlines()) if (root / "runs").exists() else 0


def admin_says(root: Path, text: str, file: str = "etc/default/grub") -> Path:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_kernel_gets_them_and_the_settings_keep_their_content(grub: Path) -> None:
    settings = (grub / "etc/default/grub").read_bytes()
    outcome = ensure([PAGES, IOMMU])
    assert (outcome.changed, outcome.reboot_needed, outcome.manual, outcome.conflicts) == (True, True, [], [])
    assert menu(grub).count("ttm.pages_limit=25165824 iommu=pt") == 2
    assert "quiet" in menu(grub)
    assert (grub / "etc/default/grub").read_bytes() == settings
    assert (grub / DROP_IN).stat().st_mode & 0o777 == 0o644


def test_a_second_time_nothing_happens(grub: Path) -> None:
    ensure([PAGES])
    assert ensure([PAGES]).changed is False
    assert runs(grub) == 1


def test_a_reboot_is_due_until_the_running_kernel_has_them(grub: Path) -> None:
    ensure([IOMMU])
    assert ensure([IOMMU]).reboot_needed is True
    admin_says(grub, "ro quiet iommu=pt", "proc/cmdline")
    assert ensure([IOMMU]).reboot_needed is False


def test_asking_changes_nothing(grub: Path) -> None:
    assert ensure([IOMMU], check=True).changed is True
    assert (runs(grub), (grub / DROP_IN).exists()) == (0, False)


@pytest.mark.parametrize(
    "file",
    ["etc/default/grub", "etc/default/grub.d/50-local.cfg", "etc/default/grub.d/zz-late.cfg"],
)
@pytest.mark.parametrize("variable", ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"])
def test_the_administrator_s_own_value_stays_wherever_it_is_set(grub: Path, file: str, variable: str) -> None:
    # GRUB's settings are shell: a value may be computed.
    theirs = admin_says(grub, f'mode=soft\n{variable}="${variable} iommu=$mode"\n', file)
    before = theirs.read_bytes()
    outcome = ensure([PAGES, IOMMU])
    assert outcome.conflicts == [{"name": "iommu", "wanted": "iommu=pt", "found": "iommu=soft"}]
    assert outcome.words == ["ttm.pages_limit=25165824"]
    assert ("iommu=soft" in menu(grub), "iommu=pt" in menu(grub)) == (True, False)
    assert theirs.read_bytes() == before


def test_what_the_administrator_set_alike_is_not_repeated(grub: Path) -> None:
    admin_says(grub, 'GRUB_CMDLINE_LINUX="iommu=pt"\n')
    outcome = ensure([IOMMU])
    assert menu(grub).count("iommu=pt") == 2
    assert (outcome.words, (grub / DROP_IN).exists()) == (["iommu=pt"], False)
    assert ensure([IOMMU]).changed is False


def test_a_later_file_that_overwrites_ours_is_told(grub: Path) -> None:
    admin_says(grub, 'GRUB_CMDLINE_LINUX="quiet"\n', "etc/default/grub.d/zz-late.cfg")
    outcome = ensure([IOMMU])
    assert outcome.manual == ["iommu=pt"]


def test_what_never_reaches_the_menu_is_told_at_each_run_and_changes_nothing_again(grub: Path) -> None:
    late = admin_says(grub, 'GRUB_CMDLINE_LINUX="quiet"\n', "etc/default/grub.d/zz-late.cfg")
    first = ensure([IOMMU])
    assert (first.changed, first.reboot_needed, first.manual) == (True, False, ["iommu=pt"])
    for check in (True, False):
        again = ensure([IOMMU], check=check)
        assert (again.changed, again.reboot_needed, again.manual) == (False, False, ["iommu=pt"])
    # Of several, those that a boot does get are worth one.
    admin_says(
        grub,
        'GRUB_CMDLINE_LINUX_DEFAULT=quiet\nGRUB_CMDLINE_LINUX="ttm.pages_limit=25165824"\n',
        str(late.relative_to(grub)),
    )
    mixed = ensure([PAGES, IOMMU])
    assert (mixed.changed, mixed.reboot_needed, mixed.manual) == (True, True, ["iommu=pt"])
    # Once nothing overwrites it any more, it comes.
    late.unlink()
    mended = ensure([PAGES, IOMMU])
    assert (mended.changed, mended.reboot_needed, mended.manual) == (True, True, [])
    assert ensure([PAGES, IOMMU]).changed is False


def test_entries_for_repairs_need_not_have_what_the_administrator_set_for_the_others(grub: Path) -> None:
    admin_says(grub, 'GRUB_CMDLINE_LINUX=""\nGRUB_CMDLINE_LINUX_DEFAULT="quiet iommu=pt"\n')
    outcome = ensure([IOMMU])
    assert (outcome.changed, outcome.reboot_needed, outcome.manual) == (True, True, [])
    assert ensure([IOMMU]).changed is False


def test_other_parameters_take_the_place_of_ours(grub: Path) -> None:
    ensure([IOMMU])
    assert ensure([PAGES]).changed is True
    assert ("iommu=pt" in menu(grub), "ttm.pages_limit" in menu(grub)) == (False, True)


def test_without_any_wanted_host_and_menu_are_as_before(grub: Path) -> None:
    settings = (grub / "etc/default/grub").read_bytes()
    ensure([IOMMU])
    admin_says(grub, "ro iommu=pt", "proc/cmdline")
    outcome = ensure([])
    assert (outcome.changed, outcome.reboot_needed) == (True, True)
    assert "iommu" not in menu(grub)
    assert not (grub / DROP_IN).exists()
    assert (grub / "etc/default/grub").read_bytes() == settings
    assert ensure([]).changed is False


def test_a_kill_between_drop_in_and_menu_is_made_good(grub: Path) -> None:
    ensure([IOMMU])
    (grub / "boot/grub/grub.cfg").write_text(
        "### BEGIN /etc/grub.d/10_linux ###\n linux /v ro\n### END /etc/grub.d/10_linux ###"
    )
    assert ensure([IOMMU]).changed is True
    assert "iommu=pt" in menu(grub)
    # Killed while they were taken back: the drop-in is emptied first and goes last.
    (grub / DROP_IN).write_text(
        "# Written by gpuhost: kernel parameters for the GPU, added to those that are set elsewhere.\n"
    )
    assert ensure([]).changed is True
    assert ("iommu=pt" in menu(grub), (grub / DROP_IN).exists()) == (False, False)


@pytest.mark.parametrize("before", [[], [PAGES]], ids=["none before", "others before"])
def test_when_grub_fails_settings_and_menu_are_as_before(grub: Path, before: list[dict[str, Any]]) -> None:
    ensure(before)
    there, made = sorted((grub / "etc/default").rglob("*")), menu(grub)
    text = (grub / DROP_IN).read_text() if before else ""
    (grub / "broken").touch()
    with pytest.raises(FindingError) as caught:
        ensure([IOMMU])
    assert (caught.value.id, caught.value.seen) == ("GH-BOOT-LOADER-FAILED", "update-grub: error: syntax error near line 3.")
    assert [path for path in sorted((grub / "etc/default").rglob("*")) if path.is_file()] == [
        p for p in there if p.is_file()
    ]
    assert menu(grub) == made
    assert not before or (grub / DROP_IN).read_text() == text


def test_settings_that_are_no_shell_script_are_told(grub: Path) -> None:
    admin_says(grub, 'GRUB_CMDLINE_LINUX="quiet\n')
    with pytest.raises(FindingError, match="GRUB's settings cannot be read"):
        ensure([IOMMU])
    assert not (grub / DROP_IN).exists()


def test_where_grub_reads_no_drop_ins_its_settings_get_one_line_and_lose_it_again(grub: Path) -> None:
    admin_says(grub, "#!/bin/sh\n", "usr/sbin/grub-mkconfig")
    # The line names the drop-in as the host knows it; this test's host lies below a folder.
    (grub / "etc/default/grub").chmod(0o640)
    settings = (grub / "etc/default/grub").read_text()
    outcome = ensure([IOMMU])
    text = (grub / "etc/default/grub").read_text()
    assert text.startswith(settings)
    assert text[len(settings) :] == f"[ ! -r /{DROP_IN} ] || . /{DROP_IN}  # gpuhost\n"
    assert (grub / "etc/default/grub").stat().st_mode & 0o777 == 0o640
    assert outcome.conflicts == []
    assert (ensure([IOMMU], check=True).conflicts, (grub / "etc/default/grub").read_text()) == ([], text)
    ensure([])
    assert (grub / "etc/default/grub").read_text() == settings


def test_a_host_without_grub_is_left_alone_and_told_what_to_add(root: Path) -> None:
    admin_says(root, "ro iommu=pt", "proc/cmdline")
    outcome = ensure([PAGES, IOMMU])
    assert (outcome.changed, outcome.manual, outcome.words) == (False, ["ttm.pages_limit=25165824"], ["iommu=pt"])
    assert not (root / "etc/default").exists()
