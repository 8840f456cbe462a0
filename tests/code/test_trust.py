"""Which files a study's code is, and that nobody's code runs untrusted."""

import py_compile
import subprocess
import sys
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from harness.code.named import named_code
from harness.code.resolve import CodeError, admit, code_place, comes_from_code, resolve
from harness.code.sources import _distributions, hash_sources, sources_of
from harness.code.trust import ANY, check_trusted, trust_lines
from harness.errors import HarnessError, StudyError
from harness.study.study import Study

OwnStudy = Callable[..., Study]


def told_sha(study: Study) -> str:
    """Return the hash that a dry run shows."""
    return trust_lines(study)[-1].removeprefix("trust sha256: ")


def test_a_module_beside_the_study_brings_every_python_file_of_the_folder(
    own_study: OwnStudy, tmp_path: Path
) -> None:
    """Helpers count, in folders too; no compiled ones, hidden folders, environments or what runs wrote."""
    no_code = ("notes.txt", "helper.pyc", "deep/other.pyc")
    others = ("__pycache__/no.py", ".hidden/no.py", "env/no.py", "results/study/runs/one/no.py")
    for name in ("helper.py", "deep/er.py", *no_code, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "results" / "study" / "journal.jsonl").touch()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    assert list(sources_of(own_study())) == ["deep/er.py", "helper.py", "nets.py"]


def test_a_package_beside_the_study_brings_its_own_files(own_study: OwnStudy, tmp_path: Path) -> None:
    """What lies beside the package does not change the hash."""
    (tmp_path / "pack" / "sub").mkdir(parents=True)
    (tmp_path / "pack" / "sub" / "nets.py").write_text("def mlp(): ...", encoding="utf-8")
    study = own_study("recipe.model={import: 'pack.sub.nets:mlp'}", "arms.lion.optimizer=adam")
    assert list(sources_of(study)) == ["pack/sub/nets.py"]


def test_an_installed_package_is_known_by_its_version_and_record(own_study: OwnStudy) -> None:
    """Whatever its size, it is one line."""
    study = own_study("recipe.model={import: 'torchvision.models:resnet18'}", "arms.lion.optimizer=adam")
    (name,) = sources_of(study)
    assert name.startswith("torchvision==")


def test_a_package_that_is_edited_in_place_is_known_by_its_files(own_study: OwnStudy) -> None:
    """As the harness itself is, where it is developed."""
    study = own_study("recipe.model={import: 'harness.errors:nearest'}", "arms.lion.optimizer=adam")
    assert any(name.endswith("/harness/errors.py") for name in sources_of(study))


def test_what_python_finds_in_a_package_that_is_edited_in_place_counts(
    own_study: OwnStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing keeps it to the sources there: compiled modules are hashed, caches of others refused."""
    site, inside = tmp_path / "site", tmp_path / "site" / "edited_in_place" / "deep"
    record = site / "edited_in_place-1.dist-info"
    for folder in (record, inside):
        folder.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: edited_in_place\nVersion: 1\n")
    (record / "top_level.txt").write_text("edited_in_place\n")
    (record / "RECORD").touch()
    (record / "direct_url.json").write_text('{"url": "file:///", "dir_info": {"editable": true}}')
    for file in (inside.parent / "__init__.py", inside / "nets.py"):
        file.write_text("def mlp(): ...")
    other_code(tmp_path, inside / "helper.pyc")
    monkeypatch.syspath_prepend(site)
    _distributions.cache_clear()
    study = own_study("recipe.model={import: 'edited_in_place:mlp'}", "arms.lion.optimizer=adam")
    names = ["__init__.py", "deep/helper.pyc", "deep/nets.py"]
    assert list(sources_of(study)) == [f"edited_in_place==1/edited_in_place/{name}" for name in names]
    other_code(tmp_path, Path(cache_from_source(str(inside / "nets.py"))))
    with pytest.raises(StudyError, match=r"nets\..*\.pyc: is compiled code .*Remedy: remove it"):
        sources_of(study)


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("../elsewhere/nets:mlp", "is a path"),
        ("nets.py:mlp", "is a path"),
        ("nets", "names no module"),
        ("os:system", "os is Python's own"),
        ("builtins:eval", "builtins is Python's own"),
        ("nowhere_at_all:mlp", "there is no nowhere_at_all.py"),
        ("outside:mlp", "outside of"),
    ],
)
def test_what_lies_nowhere_or_elsewhere_is_refused(
    own_study: OwnStudy, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, reference: str, told: str
) -> None:
    """A link that leads out of the study's folder is elsewhere too."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "outside.py").touch()
    if reference == "outside:mlp":
        (tmp_path / "outside.py").symlink_to(elsewhere / "outside.py")
    with pytest.raises(StudyError, match=told):
        sources_of(own_study(f"recipe.model={{import: '{reference}'}}"))


def test_code_is_refused_without_trust_and_with_that_of_other_files(
    own_study: OwnStudy, tmp_path: Path
) -> None:
    """The message lists what there is to look at, and how to trust it."""
    study = own_study()
    with pytest.raises(StudyError, match=r"(?s)nets:Lion.*nets\.py.*Remedy: look at it"):
        check_trusted(study, None)
    sha256 = told_sha(study)
    assert check_trusted(study, sha256) == check_trusted(study, ANY) == sources_of(study)
    (tmp_path / "nets.py").write_text("changed = 1", encoding="utf-8")
    with pytest.raises(StudyError, match=f"--trust={sha256}: is not the hash"):
        check_trusted(study, sha256)


def test_the_trust_of_one_name_is_not_that_of_another_in_the_same_files(own_study: OwnStudy) -> None:
    """The hash covers what is called, not its files alone."""
    assert told_sha(own_study()) != told_sha(own_study("recipe.model.import=nets:other"))


def test_a_study_without_code_needs_no_trust_and_takes_no_hash(own_study: OwnStudy, study_text: str) -> None:
    """A hash of nothing is a mistake; --trust alone may stand in any script."""
    study = own_study(text=study_text)
    assert trust_lines(study) == []
    assert check_trusted(study, None) == check_trusted(study, ANY) == {}
    for given in ("abc", ""):
        with pytest.raises(StudyError, match="names no code"):
            check_trusted(study, given)


def test_a_worker_imports_nothing_that_differs_from_the_declaration(
    own_study: OwnStudy, tmp_path: Path
) -> None:
    """It hashes again; and what was not admitted at all is not imported either."""
    code = named_code(own_study())
    declared = hash_sources(code)
    (tmp_path / "nets.py").write_text("raise SystemError('imported')", encoding="utf-8")
    with pytest.raises(CodeError, match=r"nets\.py differs"):
        admit(code, declared)
    with pytest.raises(AssertionError):
        resolve("nets:mlp")


def other_code(folder: Path, compiled: Path) -> None:
    """Compile code that is not that of any source, as somebody may who ships it."""
    (folder / "other.txt").write_text("raise SystemError('not what was hashed')", encoding="utf-8")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(folder / "other.txt"), str(compiled), invalidation_mode=unchecked, doraise=True)


@pytest.mark.parametrize("compiled", [cache_from_source("__init__.py"), "helper.pyc"])
def test_what_is_compiled_is_not_imported_in_place_of_what_was_hashed(
    own_study: OwnStudy, tmp_path: Path, compiled: str
) -> None:
    """Python runs a cache that says so without a look at the source, and a compiled module without one."""
    (tmp_path / "pack").mkdir()
    source = "def mlp(): ...\ntry:\n    import pack.helper\nexcept ImportError: ..."
    (tmp_path / "pack" / "__init__.py").write_text(source, encoding="utf-8")
    other_code(tmp_path, tmp_path / "pack" / compiled)
    study = own_study("recipe.model={import: 'pack:mlp'}", "arms.lion.optimizer=adam")
    admit(named_code(study), sources_of(study))
    assert resolve("pack:mlp")() is None


PROGRAM = """\
study: s
question: q
trial: {command: [python, train.py, "--lr={lr}"], epochs: 1, metrics: {accuracy: {better: higher}}}
arms: {a: {parameters: {lr: 1}}}
"""


def test_a_program_whose_python_would_run_another_code_is_refused(
    own_study: OwnStudy, tmp_path: Path
) -> None:
    """A compiled module is hashed as any code; a cache that Python made is not, and others are refused."""
    (tmp_path / "train.py").touch()
    other_code(tmp_path, tmp_path / "helper.pyc")
    py_compile.compile(str(tmp_path / "train.py"), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    study = own_study(text=PROGRAM)
    assert list(sources_of(study)) == ["helper.pyc", "nets.py", "train.py"]
    other_code(tmp_path, Path(cache_from_source(str(tmp_path / "train.py"))))
    with pytest.raises(StudyError, match=r"train\..*\.pyc: is compiled code .*Remedy: remove it"):
        sources_of(study)


@pytest.mark.parametrize(
    "options", [[], ["--dry-run"], ["--trust=abc"], ["--trust="], ["--dry-run", "--trust="]]
)
def test_a_sweep_without_trust_imports_nothing(
    own_study: OwnStudy, tmp_path: Path, options: list[str]
) -> None:
    """Not even for a preview, which shows what it would be; an unset shell variable trusts nothing."""
    study = own_study()
    mark = tmp_path / "imported"
    (tmp_path / "nets.py").write_text(f"open({str(mark)!r}, 'w')", encoding="utf-8")
    command = [sys.executable, "-m", "harness.sweep", str(study.path), "--results", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if options == ["--dry-run"] else 2), done.stderr
    assert ("trust sha256" in done.stdout) is (options == ["--dry-run"])
    assert not mark.exists()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; print('noise'); sys.exit(3)", "ends the program"),
        (
            "raise OSError('no such luck')",
            r"nets: cannot be imported: OSError: no such luck \(.*nets\.py:1\)",
        ),
        ("import not_installed_anywhere", "imports not_installed_anywhere, which is not installed"),
        ("mlp = Lion = 3", "nets:mlp: is int and cannot be called"),
        ("import os; os._exit(7)", r"ended by itself \(exit code 7\)"),
        (
            "print('{}'); import os; os.close(1)\ndef mlp(): ...\ndef Lion(): ...",
            "is called with input_shape",
        ),
    ],
)
def test_whatever_a_module_does_when_it_is_imported_ends_in_a_message(
    own_study: OwnStudy, tmp_path: Path, code: str, told: str
) -> None:
    """It is imported in a process of its own, whose output nobody reads as ours."""
    from harness.code.checking import check_code

    study = own_study()
    (tmp_path / "nets.py").write_text(code, encoding="utf-8")
    with pytest.raises(HarnessError, match=told):
        check_code(study, sources_of(study))
    assert "nets" not in sys.modules


def test_a_helper_that_was_imported_and_not_hashed_is_refused(own_study: OwnStudy, tmp_path: Path) -> None:
    """It lies beside the package that the study names, so that no hash of the package tells its changes."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("import helper\ndef mlp(): ...", encoding="utf-8")
    (tmp_path / "helper.py").touch()
    study = own_study("recipe.model={import: 'pack:mlp'}", "arms.lion.optimizer=adam")
    admit(named_code(study), sources_of(study))
    with pytest.raises(CodeError, match=r"helper: .*helper\.py was imported, and no hash"):
        resolve("pack:mlp")


def test_a_file_whose_name_another_module_has_is_not_taken_for_it(
    own_study: OwnStudy, tmp_path: Path
) -> None:
    """A folder's own numpy.py would be hashed, and the real one imported."""
    (tmp_path / "numpy.py").write_text("def mlp(): ...", encoding="utf-8")
    study = own_study("recipe.model={import: 'numpy:mean'}", "arms.lion.optimizer=adam")
    admit(named_code(study), sources_of(study))
    with pytest.raises(CodeError, match="numpy: this process has another module of this name"):
        resolve("numpy:mean")


@pytest.mark.parametrize(("file", "is_own"), [("nets.py", True), ("env/lib/ray/session.py", False)])
def test_an_environment_in_the_studys_folder_holds_nobodys_own_code(
    own_study: OwnStudy,
    tmp_path: Path,
    file: str,
    is_own: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    """Ray ends a run that is stopped by an error of its own; taken for the study's, it left Tune waiting."""
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    study = own_study()
    admit(named_code(study), sources_of(study))
    with pytest.raises(SystemExit) as raised:
        exec(compile("raise SystemExit", str(tmp_path / file), "exec"))  # noqa: S102 - as that file would
    assert comes_from_code(raised.value) is is_own
    assert (code_place(raised.value) is not None) is is_own
